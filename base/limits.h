/* Every cap on something that comes from outside, in one place. Bytes unless named otherwise. */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

#define KIB(n) ((size_t)(n) << 10)
#define MIB(n) ((size_t)(n) << 20)
#define GIB(n) ((size_t)(n) << 30)

/* JSON */
#define LIMIT_JSON_DEPTH 64
#define LIMIT_JSON_NODES 200000
/* wire */
#define LIMIT_CLAIM_BYTES MIB(8)      /* one claim answer */
#define LIMIT_API_ANSWER MIB(1)       /* any other coordinator answer */
#define LIMIT_API_BODY MIB(1)         /* any request body the coordinator accepts */
#define LIMIT_JOB_OUTPUTS MIB(1)      /* names and texts of all outputs of a job */
#define LIMIT_JOB_OUTPUTS_BODY MIB(7) /* the same as JSON */
#define LIMIT_LOG_CHUNK KIB(512)      /* raw bytes of one log chunk, PROTOCOL.md */
#define LIMIT_METADATA 255            /* host_name, version */
#define LIMIT_TROUBLE 500             /* what keeps a runner from work, bytes of text */
#define LIMIT_LABELS 64               /* labels of a runner */
#define LIMIT_ACTIVE_JOBS 1000        /* jobs that one heartbeat may name */
#define LIMIT_TOKEN KIB(8)
/* job */
#define LIMIT_STEPS 1000
#define LIMIT_TIMEOUT_MINUTES 4320 /* of a job or a step */
#define LIMIT_SCRIPT MIB(1)
#define LIMIT_NAME KIB(4) /* names, keys, refs */
/* Of what rows are found by: all parts of an index together have to fit PostgreSQL's 2,704 bytes.
 */
#define LIMIT_JOB_KEY 400
#define LIMIT_JOB_LABELS 20
#define LIMIT_REF 1000
#define LIMIT_WORKFLOW_PATH 400
#define LIMIT_WORKFLOW_NAME 400
#define LIMIT_ENV_COUNT 4096     /* entries of one env or with map */
#define LIMIT_ENV_ENTRY KIB(128) /* one NAME=value: the kernel's MAX_ARG_STRLEN */
#define LIMIT_ENV_BYTES MIB(2)   /* of a step's whole environment */
#define LIMIT_SECRETS 1000
#define LIMIT_MASK_VALUE KIB(64)
#define LIMIT_STEP_LOG MIB(10) /* default of runner.step_log_limit */
/* engine */
#define LIMIT_ENGINE_ANSWER MIB(16)
/* files */
#define LIMIT_CONFIG_FILE MIB(1)
#define LIMIT_WORKFLOW_FILE KIB(64) /* PROTOCOL.md, workflow dialect */
#define LIMIT_WORKFLOW_ALIASES 100
#define LIMIT_WORKFLOW_DEPTH 64
/* workflow commands, workflow/command/commands.h and runner/context/command_files.h */
#define LIMIT_COMMAND_LINE KIB(65) /* a longer one is no command */
#define LIMIT_COMMAND_NAME 255     /* of an output, a state or a variable */
#define LIMIT_COMMAND_FILE MIB(1)
/* expressions */
#define LIMIT_EXPR_TEXT KIB(64) /* between ${{ and }} */
#define LIMIT_EXPR_DEPTH 50     /* nesting of operators, calls, indexes and groups */
#define LIMIT_EXPR_NODES 10000
#define LIMIT_EXPR_STRING MIB(10)   /* one text that an expression makes */
#define LIMIT_EXPR_MEMORY MIB(64)   /* all values of one evaluation */
#define LIMIT_EXPR_STEPS 2000000    /* work of one rendering: operations, 64 bytes read */
#define LIMIT_EXPR_BINDING KIB(127) /* a value handed to a script as environment variable */
/* what a job keeps on disk for its recovery, state/ */
#define LIMIT_JOURNAL KIB(64)
#define LIMIT_OUTBOX MIB(8)
/* gate */
#define LIMIT_GATE_MESSAGE MIB(4)
/* checkout */
#define LIMIT_PACK GIB(4)
#define LIMIT_TREE_ENTRIES 1000000
#define LIMIT_TREE_PATHS MIB(128)   /* all paths of one tree; they are held */
#define LIMIT_TREE_RULES MIB(16)    /* one .gitattributes or .gitmodules */
#define LIMIT_TREE_BYTES GIB(32)    /* all files of one tree, unpacked */
#define LIMIT_TREE_FILE GIB(4)      /* one of them */
#define LIMIT_PACK_OBJECTS 10000000 /* about 150 bytes each while they are indexed */
#define LIMIT_REF_LIST MIB(64)      /* a ref advertisement */
/* walks over trees, base/tree/walk.h */
#define LIMIT_WALK_DEPTH 1000000
/* artifacts */
#define LIMIT_ARTIFACT_ENTRIES 1000000 /* files, folders and links of one */
#define LIMIT_ARTIFACT_FOLDERS 4000000 /* also those that its paths only go through */
#define LIMIT_ARTIFACT_NAMES MIB(128)  /* paths of its folders and links; they are held */
#define LIMIT_ARTIFACT_BYTES GIB(32)   /* all files of one, unpacked */
#define LIMIT_ARTIFACT_FILE GIB(16)    /* one of them */
#define LIMIT_ARTIFACT_PATHS KIB(32)   /* text of the path input */

#endif
