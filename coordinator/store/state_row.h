/* The words of state.h as columns of rows (row.h). */
#ifndef COORDINATOR_STORE_STATE_ROW_H
#define COORDINATOR_STORE_STATE_ROW_H

#include "coordinator/sql/row.h"
#include "coordinator/store/state.h"

column_parse column_status, column_conclusion;
#define COLUMN_STATUS(sql, type, member) COLUMN_WORD_OF(sql, column_status, type, member)
#define COLUMN_CONCLUSION(sql, type, member) COLUMN_WORD_OF(sql, column_conclusion, type, member)

/* The state of a run, job or step alone. */
extern const struct row_type state_type;

#endif
