/* What a crash leaves of a job: its journal, the reports it queued, its token chain. */
#include "state/chain.h"
#include "state/journal.h"
#include "state/outbox.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct journal j = { 0 };
	struct outbox_list list = { 0 };
	struct chain_state s = { 0 };
	struct err e = { 0 };
	int64_t number = 0;

	if (journal_parse(text, size, &j, &e) == 0)
		journal_release(&j);
	if (outbox_parse(text, size, &list, &e) == 0)
		outbox_list_release(&list);
	if (chain_parse(text, size, &s, &number, &e) == 0)
		chain_state_release(&s);
	return 0;
}
