"""What a workflow author expects of a step: conditions, expressions, environment, shells, results.
"""
import hashlib

import driver
from conftest import few, offline, once, others

pytestmark = offline


def lines(done, index):
    return done.text(index).splitlines()


@once
def test_failure_skips_and_always_runs(job):
    done = job("""
        - run: exit 3
        - run: echo not reached
        - if: failure()
          run: echo on failure
        - if: ${{ always() }}
          run: echo always
        - if: success()
          run: echo not this
        - if: cancelled()
          run: echo nor this
        """)
    assert done.conclusion == "failure"
    assert done.conclusions() == ["failure", "skipped", "success", "success", "skipped", "skipped"]
    assert lines(done, 0) == ["[shithub] exit code 3"]
    assert lines(done, 2) == ["on failure"]


@once
def test_continue_on_error_is_outcome_against_conclusion(job):
    done = job("""
        - id: bad
          continue-on-error: true
          run: exit 7
        - run: echo "${{ steps.bad.outcome }} ${{ steps.bad.conclusion }} ${{ job.status }}"
        """)
    assert done.conclusion == "success"
    assert done.conclusions() == ["success", "success"]
    assert lines(done, 1) == ["failure success success"]


@once
def test_a_wrong_condition_fails_the_step(job):
    done = job("""
        - if: fromJSON(github.sha) == 1
          run: echo not reached
        - run: echo nor this
        """)
    assert done.conclusions() == ["failure", "skipped"]
    assert "if: column 1" in done.text(0) and "fromJSON" in done.text(0), done.text(0)


@few
def test_env_step_over_job_over_workflow(job):
    done = job("""
        - env:
            C: step
            D: ${{ env.B }}-${{ github.job }}
          run: echo "$A $B $C $D ${{ env.C }} $CI $SHITHUB_JOB $GITHUB_REF_NAME"
        - run: echo "$A $B $C"
        """, head="env:\n  A: workflow\n  B: workflow\n  C: workflow\n", files={})
    assert lines(done, 0) == ["workflow workflow step workflow-main step true main trunk"]
    assert lines(done, 1) == ["workflow workflow workflow"]


@few
def test_working_directory(job):
    done = job("""
        - run: mkdir -p "a b/c"
        - working-directory: a b/c
          run: pwd
        - working-directory: ${{ github.workspace }}/a b
          run: pwd
        - working-directory: ${{ '..' }}
          run: pwd
        """)
    assert lines(done, 1) == ["/workspace/a b/c"]
    assert lines(done, 2) == ["/workspace/a b"]
    assert "leaves the workspace" in done.text(3)
    assert done.conclusions()[3] == "failure"


@once
def test_shells(job):
    done = job("""
        - shell: sh
          run: echo "sh ${BASH_VERSION:-none}"
        - shell: bash
          run: false | true; echo not reached
          continue-on-error: true
        - shell: python
          run: |
            import sys
            print("python", sys.version_info.major)
        - shell: bash -u {0}
          run: |
            false
            echo "template $0"
        - run: |
            false | true
            case $- in *e*) echo "by default ${BASH_VERSION:+bash}";; esac
        - shell: bash -c "echo 'two words'; . {0}"
          run: echo quoted
        - shell: bash -c "{0}
          if: always()
          run: echo not reached
          continue-on-error: true
        - shell: fish
          run: echo not reached
        """)
    assert lines(done, 0) == ["sh none"] or lines(done, 0)[0].startswith("sh ")
    assert lines(done, 1) == ["[shithub] exit code 1"]
    assert lines(done, 2) == ["python 3"]
    assert lines(done, 3)[0].startswith("template /")
    assert lines(done, 4) == ["by default bash"]
    assert lines(done, 5) == ["two words", "quoted"]
    assert "shell: bash -c \"{0}: the \" of column 9 is not closed" in done.text(6)
    assert "expected bash, sh, python or a command line with {0}" in done.text(7)


@once
def test_outputs_and_masks_through_commands(job):
    done = job("""
        - id: one
          run: |
            echo "::set-output name=answer::4%0A2"
            echo "::add-mask::hidden-value"
            echo "this is hidden-value."
        - run: |
            echo "${{ steps.one.outputs.answer }} hidden-value ${{ steps.one.outputs.missing }}!"
        """)
    assert "hidden-value" not in done.text(0) + done.text(1)
    assert "this is ***." in lines(done, 0)
    assert lines(done, 1) == ["4", "2 *** !"]


@few
def test_tainted_and_secret_values_never_become_script_text(job):
    done = job("""
        - run: |
            echo "message: ${{ github.event.head_commit.message }}"
            echo "length: $(printf %s "${{ secrets.TOKEN }}" | wc -c)"
            ls /workspace
            cat "$0" | grep -c SHITHUB_INPUT_
        - run: echo "${{ secrets.MISSING }}"
        """, secrets={"TOKEN": b"s3cr3t$(touch /workspace/secret)"},
        message="$(touch /workspace/owned)`id`\"; exit 9 #")
    text = done.text(0)
    assert done.conclusions() == ["success", "failure"], text
    assert "message: $(touch /workspace/owned)`id`\"; exit 9 #" in text
    assert "length: 32" in text
    assert "owned" not in text.replace("/workspace/owned", "")
    assert "s3cr3t" not in text
    assert "MISSING" in done.text(1)


@others
def test_own_env_of_a_step_counts_before_it_runs(job):
    done = job("""
        - if: env.TOKEN != '' && env.GO == 'yes'
          name: hello ${{ env.WHO }}
          env: {TOKEN: "${{ secrets.TOKEN }}", GO: "yes", WHO: you}
          run: echo ran
        - if: env.GO == 'yes'
          run: echo ran
        - continue-on-error: ${{ env.SOFT == 'true' }}
          env: {SOFT: "true"}
          run: exit 1
        - if: env.MISSING
          env: {MISSING: "${{ secrets.MISSING }}"}
          run: echo ran
        - if: env.MISSING
          env: {MISSING: "${{ secrets.MISSING }}"}
          run: echo ran
        """, secrets={"TOKEN": b"s3cr3t"})
    assert done.conclusions() == ["success", "skipped", "success", "failure", "skipped"]
    assert done.text(0) == "ran\n"
    assert "env.MISSING: column 13: secret `MISSING` is not set" in done.text(3)


@others
def test_values_from_outside_in_single_quotes(job):
    message = """it's "$(touch owned)" `id` \\ *"""
    done = job("""
        - run: |
            # it isn't in quotes yet
            printf '%s' '${{ github.event.head_commit.message }}' >plain
            TEXT='<${{ github.event.head_commit.message }}>'; printf '%s' "$TEXT" >assigned
            cat <<<'${{ toJSON(github.event.head_commit.message) }}' >string
            printf '%s' $'${{ github.event.head_commit.message }}\\t.' >ansi
            bash -c 'printf "%s" "${{ github.event.head_commit.message }}"' >later
            list=(x '${{ github.event.head_commit.message }}'); printf '%s' "${list[1]}" >array
            python3 - <<'END'
            import json
            plain = open("plain").read()
            assert open("assigned").read() == f"<{plain}>"
            assert json.load(open("string")) == plain
            assert open("ansi").read() == plain + "\\t."
            assert open("later").read() == plain == open("array").read()
            print("message:", plain)
            END
            test ! -e owned
          shell: bash
        - run: echo '${{ github.event.head_commit.message }}'
          shell: sh
        - run: |
            cat <<'END'
            ${{ github.event.head_commit.message }}
            END
        - run: awk 'BEGIN { print "${{ secrets.TOKEN }}" }'
          if: always()
        """, secrets={"TOKEN": b"s3cr3t"}, message=message)
    assert done.conclusions() == ["success", "success", "failure", "failure"], done.text(0)
    assert f"message: {message}\n" in done.text(0)
    assert done.text(1) == f"{message}\n"
    assert "run: line 2, column" in done.text(2) and "here-document" in done.text(2)
    assert "in single quotes" in done.text(3)


@others
def test_cancel_runs_always_steps(repository, coordinator, joined, pat):
    one = joined()
    repo = repository("demo/sample")
    repo.commit({".shithub/workflows/ci.yml": """
on: {push: {branches: [trunk]}}
jobs:
  main:
    runs-on: ubuntu-latest
    steps:
      - run: |
          trap 'echo got TERM; exit 0' TERM
          echo started
          for i in $(seq 600); do sleep 0.2; done
      - run: echo not reached
      - if: always()
        run: echo cleaning up, job is ${{ job.status }}
      - if: cancelled()
        run: echo cancelled too
"""})
    repo.push()
    program = one.start("--once")
    run_id = max(run["id"] for run in coordinator.runs())

    def started():
        job_id = coordinator.show(run_id)["jobs"][0]["id"]
        return b"started" in coordinator.step_log(job_id, 0)
    driver.wait_for(started, 60, "the step's first line")
    job_id = coordinator.show(run_id)["jobs"][0]["id"]
    answer = coordinator.request("POST", f"/api/v1/jobs/{job_id}/cancel", token=pat)
    assert answer.status == 200
    assert program.wait(90) == 0
    row = coordinator.show(run_id)["jobs"][0]
    assert (row["status"], row["conclusion"]) == ("cancelled", "cancelled")
    assert [step["conclusion"] for step in row["steps"]] == [
        "cancelled", "skipped", "success", "success"]
    assert coordinator.step_log(job_id, 0).endswith(b"got TERM\n[shithub] cancelled by driver\n")
    assert coordinator.step_log(job_id, 2) == b"cleaning up, job is cancelled\n"


@others
def test_command_files_reach_later_steps(job):
    done = job("""
        - id: one
          run: |
            echo "PLAIN=a=b" >> "$SHITHUB_ENV"
            printf 'MULTI<<END\\nline 1\\nline 2\\nEND\\n' >> "$GITHUB_ENV"
            echo "NODE_OPTIONS=--inspect" >> "$GITHUB_ENV"
            echo "GITHUB_SHA=0" >> "$GITHUB_ENV"
            echo "answer=42" >> "$SHITHUB_OUTPUT"
            mkdir -p bin; printf '#!/bin/sh\\necho tool ran\\n' > bin/tool; chmod +x bin/tool
            echo "$PWD/bin" >> "$GITHUB_PATH"
            echo "# summary" >> "$GITHUB_STEP_SUMMARY"
            test "$SHITHUB_ENV" = "$GITHUB_ENV"
            grep -q after "$GITHUB_EVENT_PATH"
        - run: |
            echo "$PLAIN|$MULTI|${NODE_OPTIONS:-unset}|${#GITHUB_SHA}"
            echo "${{ steps.one.outputs.answer }} ${{ env.PLAIN }}"
            tool
            test ! -s "$SHITHUB_ENV" && echo fresh
            (echo x > /shithub/files/other) 2>/dev/null || echo closed
        """)
    assert done.conclusion == "success", done.text(0) + done.text(1)
    assert lines(done, 1) == ["a=b|line 1", "line 2|unset|40", "42 a=b", "tool ran", "fresh", "closed"]
    assert "NODE_OPTIONS" in done.text(0) and "GITHUB_SHA" in done.text(0)


BAD_COMMAND_FILES = {
    "echo 'A<<END' >> \"$GITHUB_ENV\"": "END",
    "echo 'no equals sign' >> \"$GITHUB_OUTPUT\"": "line 1",
    "head -c 1100000 /dev/zero | tr '\\0' x >> \"$GITHUB_ENV\"": "1048576 bytes",
    "rm -f \"$GITHUB_ENV\"; ln -s /etc/passwd \"$GITHUB_ENV\"": "",
}


@once
def test_bad_command_files_fail_their_steps(job):
    done = job("".join(f"- if: always()\n  run: |\n    {script}\n" for script in BAD_COMMAND_FILES)
               + "- run: echo not reached\n")
    assert done.conclusions() == ["failure"] * len(BAD_COMMAND_FILES) + ["skipped"]
    for index, (script, says) in enumerate(BAD_COMMAND_FILES.items()):
        assert says in done.text(index), (script, done.text(index))


@few
def test_an_environment_too_large_is_said(job):
    done = job("""
        - run: |
            head -c 130000 /dev/zero | tr '\\0' x > big
            { echo "ONE<<END"; cat big; echo; echo END; } >> "$GITHUB_ENV"
        - run: |
            test ${#ONE} = 130000
            for i in 1 2 3 4 5 6 7; do echo "A$i<<END"; cat big; echo; echo END; done >> "$GITHUB_ENV"
        - run: |
            for i in 1 2 3 4 5 6 7; do echo "B$i<<END"; cat big; echo; echo END; done >> "$GITHUB_ENV"
        - run: |
            for i in 1 2; do echo "C$i<<END"; cat big; echo; echo END; done >> "$GITHUB_ENV"
        - run: echo not reached
        """)
    assert done.conclusions() == ["success", "success", "success", "success", "failure"], [
        done.text(i) for i in range(5)]
    assert "2097152 are the most" in done.text(4)


@once
def test_python_reads_tainted_values_only_from_env(job):
    done = job("""
        - shell: python
          env:
            MESSAGE: ${{ github.event.head_commit.message }}
          run: |
            import os
            print(os.environ["MESSAGE"].strip())
        - shell: python
          run: print("${{ github.event.head_commit.message }}")
        """, message='"); print("injected")')
    assert done.conclusions() == ["success", "failure"]
    assert lines(done, 0) == ['"); print("injected")']
    assert "github.event.head_commit.message" in done.text(1) and "through env" in done.text(1)


@once
def test_needs_and_job_conditions(repository, coordinator, joined):
    repo = repository("demo/sample")
    repo.commit({".shithub/workflows/ci.yml": """
on: {push: {branches: [trunk]}}
defaults: {run: {working-directory: sub, shell: sh}}
jobs:
  first:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir sub
        working-directory: .
      - run: pwd
  second:
    needs: first
    runs-on: ubuntu-latest
    steps:
      - run: echo "first was ${{ needs.first.result }}"
        working-directory: .
  third:
    needs: first
    if: github.ref_name == 'elsewhere'
    runs-on: ubuntu-latest
    steps:
      - run: echo not reached
"""})
    repo.push()
    one = joined()
    for _ in range(3):
        one.once()
    jobs = {job["key"]: job for job in coordinator.show(1)["jobs"]}
    assert {key: job["conclusion"] for key, job in jobs.items()} == {
        "first": "success", "second": "success", "third": "skipped"}
    assert coordinator.step_log(jobs["first"]["id"], 1) == b"/workspace/sub\n"
    assert coordinator.step_log(jobs["second"]["id"], 0) == b"first was success\n"


@once
def test_hash_files(job):
    files = {"a.txt": "alpha\n", "sub/b.txt": "beta\n"}
    done = job("""
        - uses: actions/checkout@v4
        - run: |
            echo "${{ hashFiles('a.txt') }}"
            echo "${{ hashFiles('**/*.txt') }}"
            echo "${{ hashFiles('**/*.txt', '!sub/**') }}"
            echo "none: ${{ hashFiles('*.none') }}"
        - if: hashFiles('/workspace/sub/b.txt') != ''
          env: {NONE: "${{ hashFiles(matrix.absent, '') }}", ALL: "${{ hashFiles(github.workspace) }}"}
          run: echo "here <$NONE> ${#ALL}"
        - env: {BAD: "${{ hashFiles('--follow') }}"}
          if: always()
          run: echo not reached
        """, files=files)

    def hashed(*names):
        each = [hashlib.sha256(files[name].encode()).digest() for name in names]
        return hashlib.sha256(b"".join(each)).hexdigest()
    assert lines(done, 1) == [hashed("a.txt"), hashed("a.txt", "sub/b.txt"), hashed("a.txt"),
                              "none: "]
    assert lines(done, 2) == ["here <> 64"]
    assert lines(done, 3) == ['[shithub] error: env.BAD: column 5: hashFiles: "--follow": '
                              "options are not supported"]
    assert done.conclusions() == ["success", "success", "success", "failure"]


@once
def test_a_summary_stands_at_the_end_of_the_log(job):
    done = job("""
        - run: |
            echo '# Result of hidden-value' >> "$SHITHUB_STEP_SUMMARY"
            echo '::add-mask::hidden-value'
            printf '::error::is text here' >> "$GITHUB_STEP_SUMMARY"
        - run: head -c 1500000 /dev/zero | tr '\\0' 'x' > "$GITHUB_STEP_SUMMARY"
        """)
    assert done.conclusion == "success"
    assert lines(done, 0) == ["::add-mask::***", "::group::Step summary", "# Result of ***",
                              "::error::is text here", "::endgroup::"]
    assert lines(done, 1) == ["::group::Step summary", "x" * (1 << 20), "::endgroup::",
                              "[shithub] step summary: more than 1 MiB, the rest is dropped"]
