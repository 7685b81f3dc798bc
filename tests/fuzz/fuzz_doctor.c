/* What a container, a unit file and a coordinator tell doctor: any bytes, three readers, every
 * check.
 */
#include "hygiene/doctor/doctor.h"
#include "hygiene/doctor/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	CLEAN_STR char *text = xmemdup0(data, size);
	struct runner_config config = { .server.base_url = (char *)"https://a" };
	struct doctor_facts f = { .config = &config };
	struct doctor_report r;

	doctor_read_box(text, &f.box);
	doctor_read_unit(text, &f.unit.value);
	doctor_read_self(text, size, &f.server);
	inspection_done(&f.box.inspection);
	inspection_done(&f.unit.inspection);
	inspection_done(&f.server.inspection);
	inspection_done(&f.engine.inspection);
	doctor_judge(&f, "secret", &r);
	doctor_report_release(&r);
	doctor_facts_release(&f);
	return 0;
}
