/* The create body, key by key, for both dialects; and how error answers are told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/json.h"
#include "base/limits.h"
#include "engine/dialect.h"

struct spec {
	struct strv argv, env, dns, volumes;
	struct pairs labels;
	struct container_mount mounts[1];
	struct container_spec s;
};

static void spec_init(struct spec *x, const char *network)
{
	*x = (struct spec){ 0 };
	strv_add(&x->argv, "/shithub/gate");
	strv_add(&x->argv, "hold");
	strv_add(&x->env, "A=\"b\"\n");
	strv_add(&x->dns, "172.30.0.1");
	pairs_set(&x->labels, "sh.shithub.job", "42");
	strv_add(&x->volumes, "/data");
	x->mounts[0] = (struct container_mount){ "/host/ws", "/workspace", false };
	x->s = (struct container_spec){ .name = "n",
		.image = "img:1",
		.argv = &x->argv,
		.env = &x->env,
		.working_dir = "/workspace",
		.labels = &x->labels,
		.uid = 65534,
		.gid = 65533,
		.mounts = x->mounts,
		.n_mounts = 1,
		.network = network,
		.dns = &x->dns,
		.memory = GIB(2),
		.nano_cpus = 2000000000,
		.pids_limit = 512,
		.nofile_limit = 4096,
		.nproc_limit = 9999,
		.tmp_size = GIB(1),
		.volumes = &x->volumes,
		.seccomp_json = "{\"a\":1}",
		.seccomp_path = "/run/s.json" };
}

static void spec_release(struct spec *x)
{
	strv_release(&x->argv);
	strv_release(&x->env);
	strv_release(&x->dns);
	strv_release(&x->volumes);
	pairs_release(&x->labels);
}

#define HEAD                                                                                   \
	"{\"Image\":\"img:1\",\"User\":\"65534:65533\",\"WorkingDir\":\"/workspace\","         \
	"\"Entrypoint\":[\"/shithub/gate\",\"hold\"],\"Cmd\":[],\"Env\":[\"A=\\\"b\\\"\\n\"]," \
	"\"Labels\":{\"sh.shithub.job\":\"42\"},"
#define MIDDLE "\"StopSignal\":\"SIGTERM\",\"Healthcheck\":{\"Test\":[\"NONE\"]},\"HostConfig\":{"
#define WALLS(seccomp, tmpfs, nproc)                                                               \
	"\"ReadonlyRootfs\":true,\"CapDrop\":[\"ALL\"],"                                           \
	"\"SecurityOpt\":[\"no-new-privileges\",\"seccomp=" seccomp "\"],\"IpcMode\":\"private\"," \
	"\"CgroupnsMode\":\"private\",\"Tmpfs\":{"                                                 \
	"\"/tmp\":\"rw,exec,nosuid,nodev,size=1073741824,mode=1777\","                             \
	"\"/data\":\"rw,exec,nosuid,nodev,size=1073741824,mode=1777\"" tmpfs "},"                  \
	"\"PidsLimit\":512,\"Memory\":2147483648,\"MemorySwap\":2147483648,"                       \
	"\"NanoCpus\":2000000000,\"OomScoreAdj\":500,\"Ulimits\":["                                \
	"{\"Name\":\"nofile\",\"Soft\":4096,\"Hard\":4096},"                                       \
	"{\"Name\":\"core\",\"Soft\":0,\"Hard\":0}" nproc "],\"Mounts\":[{\"Type\":\"bind\","      \
	"\"Source\":\"/host/ws\",\"Target\":\"/workspace\",\"ReadOnly\":false,"                    \
	"\"BindOptions\":{\"Propagation\":\"rprivate\"}}],\"LogConfig\":{\"Type\":\"none\"},"      \
	"\"RestartPolicy\":{\"Name\":\"no\"},\"AutoRemove\":false}}"
#define DOCKER_CONFINEMENT WALLS("{\\\"a\\\":1}", "", "")
#define PODMAN_CONFINEMENT                                                   \
	WALLS("/run/s.json",                                                 \
		",\"/run\":\"rw,noexec,nosuid,nodev,size=64k,mode=755\","    \
		"\"/var/tmp\":\"rw,noexec,nosuid,nodev,size=64k,mode=755\"", \
		",{\"Name\":\"nproc\",\"Soft\":9999,\"Hard\":9999}")

static void test_body(void **state UNUSED)
{
	static const struct {
		enum engine_kind kind;
		bool rootless;
		const char *network, *body;
	} cases[] = {
		{ ENGINE_DOCKER, false, "none",
			HEAD "\"Hostname\":\"step\",\"NetworkDisabled\":true," MIDDLE
			     "\"NetworkMode\":\"none\"," DOCKER_CONFINEMENT },
		{ ENGINE_DOCKER, false, "shithub-actions",
			HEAD "\"Hostname\":\"step\"," MIDDLE
			     "\"NetworkMode\":\"shithub-actions\",\"Dns\":[\"172.30.0.1\"]"
			     "," DOCKER_CONFINEMENT },
		{ ENGINE_DOCKER, false, "container:abc",
			HEAD MIDDLE "\"NetworkMode\":\"container:abc\"," DOCKER_CONFINEMENT },
		{ ENGINE_PODMAN, false, "none",
			HEAD "\"Hostname\":\"step\"," MIDDLE
			     "\"NetworkMode\":\"none\"," PODMAN_CONFINEMENT },
		{ ENGINE_PODMAN, false, "container:abc",
			HEAD MIDDLE "\"NetworkMode\":\"container:abc\"," PODMAN_CONFINEMENT },
		{ ENGINE_PODMAN, true, "container:abc",
			HEAD MIDDLE "\"NetworkMode\":\"container:abc\","
				    "\"UsernsMode\":\"container:abc\"," PODMAN_CONFINEMENT },
		{ ENGINE_PODMAN, true, "none",
			HEAD "\"Hostname\":\"step\"," MIDDLE "\"NetworkMode\":\"none\","
			     "\"UsernsMode\":\"keep-id\"," PODMAN_CONFINEMENT },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = BUF_INIT(KIB(16));
		struct err e = { 0 };
		struct spec x;

		spec_init(&x, cases[i].network);
		assert_int_equal(container_body(&x.s, dialect_of(cases[i].kind, cases[i].rootless),
					 &out, &e),
			0);
		assert_string_equal(out.data, cases[i].body);
		buf_release(&out);
		spec_release(&x);
	}
}

static void break_user(struct container_spec *s)
{
	s->uid = 0;
}
static void break_group(struct container_spec *s)
{
	s->gid = 0;
}
static void break_seccomp(struct container_spec *s)
{
	s->seccomp_json = "";
}
static void break_pids(struct container_spec *s)
{
	s->pids_limit = 0;
}
static void break_memory(struct container_spec *s)
{
	s->memory = 0;
}
static void break_image(struct container_spec *s)
{
	s->image = "";
}
static void break_text(struct container_spec *s)
{
	s->working_dir = "/\xff";
}

static void test_body_refuses(void **state UNUSED)
{
	void (*const breaks[])(struct container_spec *) = { break_user, break_group, break_seccomp,
		break_pids, break_memory, break_image, break_text };

	for (size_t i = 0; i < ARRAY_LEN(breaks); i++) {
		struct buf out = BUF_INIT(KIB(16));
		struct err e = { 0 };
		struct spec x;

		spec_init(&x, "none");
		breaks[i](&x.s);
		assert_int_equal(
			container_body(&x.s, dialect_of(ENGINE_DOCKER, false), &out, &e), -1);
		assert_int_not_equal(e.class, ERR_NONE);
		buf_release(&out);
		spec_release(&x);
	}
}

static void test_errors(void **state UNUSED)
{
	static const struct {
		enum engine_kind kind;
		int status;
		const char *body, *text;
		enum err_class class;
	} cases[] = {
		{ ENGINE_DOCKER, 404, "{\"message\":\"No such image: x:9\"}",
			"Docker: No such image: x:9 (HTTP 404)", ERR_NOT_FOUND },
		{ ENGINE_DOCKER, 409, "{\"message\":\"Conflict.\"}", "Docker: Conflict. (HTTP 409)",
			ERR_CONFLICT },
		{ ENGINE_PODMAN, 500,
			"{\"cause\":\"c\",\"message\":\"that name is already in "
			"use\",\"response\":500}",
			"Podman: that name is already in use (HTTP 500)", ERR_CONFLICT },
		{ ENGINE_PODMAN, 500, "{\"message\":\"container state improper\"}",
			"Podman: container state improper (HTTP 500)", ERR_CONFLICT },
		{ ENGINE_PODMAN, 500, "{\"message\":\"disk full\"}", "Podman: disk full (HTTP 500)",
			ERR_ENGINE },
		{ ENGINE_DOCKER, 404, "No such container: x\r\n",
			"Docker: No such container: x (HTTP 404)", ERR_NOT_FOUND },
		{ ENGINE_DOCKER, 500, "", "Docker: no reason given (HTTP 500)", ERR_ENGINE },
		{ ENGINE_DOCKER, 400, "{\"message\":7}", "Docker: {\"message\":7} (HTTP 400)",
			ERR_ENGINE },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err e = { 0 };

		assert_int_equal(dialect_error(dialect_of(cases[i].kind, false), cases[i].status,
					 slice_of(cases[i].body), &e),
			-1);
		assert_string_equal(e.text, cases[i].text);
		assert_int_equal(e.class, cases[i].class);
	}
}

static void test_networks(void **state UNUSED)
{
	static const struct {
		bool rootless;
		const char *name, *network;
	} cases[] = {
		{ false, "shithub-actions", "shithub-actions" },
		{ false, "none", "none" },
		{ true, "shithub-actions", "none" },
		{ true, "none", "none" },
		{ true, "mine", "mine" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(dialect_network(dialect_of(ENGINE_PODMAN, cases[i].rootless),
					    cases[i].name),
			cases[i].network);
	assert_null(dialect_of(ENGINE_DOCKER, true));
	assert_true(dialect_network_built_in(dialect_of(ENGINE_PODMAN, true), "slirp4netns"));
	assert_false(dialect_network_built_in(dialect_of(ENGINE_PODMAN, false), "slirp4netns"));
	assert_true(dialect_network_built_in(dialect_of(ENGINE_DOCKER, false), "none"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_body),
		cmocka_unit_test(test_body_refuses),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_networks),
	};

	return cmocka_run_group_tests_name("engine_body", tests, NULL, NULL);
}
