"""What people run in steps works under the profile: compilers, interpreters, git and curl of the
host, mounted read-only into a real container that is confined like a step."""
import pytest

import driver
from conftest import once

TOOLS = {
    "gcc": """
        cat >a.c <<'END'
        #include <pthread.h>
        #include <stdio.h>
        static void *f(void *p) { return p; }
        int main(void)
        {
            pthread_t t;
            int rc = pthread_create(&t, 0, f, 0);
            pthread_join(t, 0);
            return puts("built") < 0 || rc;
        }
        END
        gcc -O2 -Wall -flto -o a a.c -lpthread && ./a | grep built && size a && strip a
    """,
    "git": """
        git init -q -b main one && cd one && echo x >x && git add x
        git -c user.name=a -c user.email=b@c commit -qm first && cd ..
        git clone -q --no-local one two && git -C two log --format=%s | grep first
        git -C two gc -q && git -C two fsck
    """,
    "python3": """
        python3 - <<'END'
        import asyncio, multiprocessing, sqlite3, ssl, subprocess, threading
        import urllib.request
        from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
        server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/"
        assert urllib.request.urlopen(url).status == 200
        with multiprocessing.Pool(4) as pool:
            assert sum(pool.map(abs, range(100))) == 4950
        async def child():
            made = await asyncio.create_subprocess_exec("true")
            return await made.wait()
        assert asyncio.run(child()) == 0
        assert subprocess.run(["echo", "x"], capture_output=True).stdout == b"x\\n"
        sqlite3.connect("base").execute("create table t (a)")
        ssl.create_default_context()
        END
    """,
    "node": """
        cat >a.js <<'END'
        const http = require("http"), { Worker } = require("worker_threads");
        const { execFileSync } = require("child_process"), fs = require("fs");
        const code = "require('worker_threads').parentPort.postMessage(7)";
        const worker = new Worker(code, { eval: true });
        worker.on("message", (seven) => {
            const server = http.createServer((q, r) => r.end("hello"));
            server.listen(0, "127.0.0.1", () => {
                http.get({ port: server.address().port, host: "127.0.0.1" }, (r) => {
                    r.on("data", (d) => {
                        fs.watch(".").close();
                        console.log(seven, String(d), String(execFileSync("echo", ["child"])));
                        server.close();
                    });
                });
            });
        });
        END
        node a.js | grep '7 hello child'
    """,
    "go": """
        export GOCACHE=$PWD/cache GOPATH=$PWD/path GO111MODULE=off GOFLAGS=-p=2
        go=$(ls /usr/lib/go*/bin/go | head -n 1)
        cat >a.go <<'END'
        package main

        import ("fmt"; "io"; "net"; "net/http"; "os/exec"; "sync")

        func main() {
            listener, _ := net.Listen("tcp", "127.0.0.1:0")
            go http.Serve(listener, http.NotFoundHandler())
            var group sync.WaitGroup
            for i := 0; i < 50; i++ {
                group.Add(1)
                go func() { defer group.Done(); exec.Command("true").Run() }()
            }
            group.Wait()
            answer, err := http.Get("http://" + listener.Addr().String())
            if err != nil { panic(err) }
            text, _ := io.ReadAll(answer.Body)
            fmt.Print(string(text))
        }
        END
        $go build -o a a.go && ./a | grep 'not found'
    """,
    "curl": """
        python3 -m http.server 8080 --bind 127.0.0.1 >/dev/null 2>&1 &
        echo content >file
        url=http://127.0.0.1:8080/file
        curl -sS --retry 50 --retry-connrefused --retry-delay 1 $url | grep content
        curl -sS --parallel $url -o 1 $url -o 2 && cmp 1 2
    """,
}


@once
@pytest.mark.parametrize("tool", TOOLS)
def test_tool(tool, build, engine, image, folder):
    profile = folder / "profile.json"
    profile.write_bytes(driver.run([build / "shithubd-runner", "seccomp", "print"]).stdout)
    lines = TOOLS[tool].strip("\n").splitlines()
    (folder / "script").write_text(
        "".join(line.removeprefix("        ") + "\n" for line in lines))
    mounts = [part for path in ("/usr", "/etc/alternatives", "/etc/ssl")
              for part in ("-v", f"{path}:{path}:ro")]
    done = driver.run(
        ["docker", "-H", f"unix://{engine.socket}", "run", "--rm", "--network", "none", "--user",
         "65534:65534", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges",
         "--security-opt", f"seccomp={profile}", "--pids-limit", "512", "--memory", "2g",
         "--tmpfs", "/tmp:exec,mode=1777", "-w", "/tmp", "-e", "HOME=/tmp", *mounts,
         "-v", f"{folder / 'script'}:/script:ro", image, "bash", "-euo", "pipefail", "/script"],
        timeout=120, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr).decode(errors="replace")
