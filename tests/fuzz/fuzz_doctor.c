/* What a container, a unit file and a coordinator tell doctor: any bytes, three readers, every
 * check.
 */
#include "hygiene/doctor.h"
#include "hygiene/doctor_look.h"

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
	look_done(&f.box.look);
	look_done(&f.unit.look);
	look_done(&f.server.look);
	look_done(&f.engine.look);
	doctor_judge(&f, "secret", &r);
	doctor_report_release(&r);
	doctor_facts_release(&f);
	return 0;
}
