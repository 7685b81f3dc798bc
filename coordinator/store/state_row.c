/* Beside state.c, which is pure: this file alone joins states to the tables of rows. */
#include "coordinator/store/state_row.h"

int column_status(const char *text, void *to, struct err *e)
{
	return status_parse(text, to, e);
}

int column_conclusion(const char *text, void *to, struct err *e)
{
	return conclusion_parse(text, to, e);
}

static const struct column state_columns[] = {
	COLUMN_STATUS("status", state, status),
	COLUMN_CONCLUSION("conclusion", state, conclusion),
};
const struct row_type state_type = ROW_TYPE(state, state_columns);
