"""sbom.py PACKAGE VERSION FOLDER: the libraries of the package's programs as an SPDX 2.3 document.

The loader and the program's notes say which libraries it gets, dpkg which package they are from. The static programs have
musl in them. Times come from SOURCE_DATE_EPOCH, so that the same source gives the same bytes.
"""
import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

import late


def said(*argv):
    return subprocess.run([str(a) for a in argv], check=True, stdout=subprocess.PIPE).stdout.decode()


def needed(program):
    """Names of the libraries that the program itself asks for, at its start or later."""
    return re.findall(r"\(NEEDED\).*\[(.+)\]", said("readelf", "-dW", program)) + late.libraries(program)


def loaded(program):
    """{name: real path} of all libraries in the program's process."""
    later = {name: late.path(name) for name in late.libraries(program)}
    found = re.findall(r"^\s*(\S+) => (/\S+)", said("ldd", program, *later.values()), re.M)
    return {name: os.path.realpath(path) for name, path in [*found, *later.items()]}


def debian_packages(paths):
    """{path: (name, version) of the package that it is from}; dpkg knows some below /lib."""
    asked = sorted({one for path in paths for one in (path, path.removeprefix("/usr"))})
    found = subprocess.run(["dpkg-query", "-S", *asked], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    owner = dict(reversed(line.split(": ", 1)) for line in found.stdout.decode().splitlines())
    owner = {path: owner.get(path) or owner.get(path.removeprefix("/usr")) for path in paths}
    orphans = sorted(path for path in paths if not owner[path])
    if orphans:
        sys.exit(f"sbom: no package has {', '.join(orphans)}")
    lines = said("dpkg-query", "-W", "-f", "${binary:Package} ${Package} ${Version}\n",
                 *sorted(set(owner.values()))).splitlines()
    versions = {}
    for full, name, version in map(str.split, lines):
        versions[full] = versions[full.split(":")[0]] = (name, version)
    return {path: versions[name] for path, name in owner.items()}


def identifier(name):
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def package(name, version, purl=True):
    made = {"SPDXID": identifier(name), "name": name, "versionInfo": version,
            "downloadLocation": "NOASSERTION", "filesAnalyzed": False,
            "licenseConcluded": "NOASSERTION", "licenseDeclared": "NOASSERTION",
            "copyrightText": "NOASSERTION"}
    if purl:
        made["externalRefs"] = [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl",
                                 "referenceLocator": f"pkg:deb/debian/{name}@{version}"}]
    return made


def links(folder):
    """{(library's package, version): relationship} over all programs; a direct link counts more."""
    kinds = {}
    for program in sorted(path for path in folder.rglob("*") if path.is_file() and os.access(path, os.X_OK)
                          and path.read_bytes()[:4] == b"\x7fELF"):
        direct = needed(program)
        if not direct:
            kinds[musl()] = "STATIC_LINK"
            continue
        for name, path in loaded(program).items():
            if name in direct or path not in kinds:
                kinds[path] = "DYNAMIC_LINK" if name in direct else "RUNTIME_DEPENDENCY_OF"
    found = {}
    for path, package_ in debian_packages(kinds).items():
        if kinds[path] != "RUNTIME_DEPENDENCY_OF" or package_ not in found:
            found[package_] = kinds[path]
    return found


def musl():
    """The C library of the static programs."""
    return str(next(pathlib.Path("/usr/lib").glob("*-linux-musl/libc.a")))


def main(name, version, folder):
    packages, relations = [package(name, version, purl=False)], []
    relations.append({"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES",
                      "relatedSpdxElement": identifier(name)})
    for (library, release), kind in sorted(links(pathlib.Path(folder)).items()):
        packages.append(package(library, release))
        ends = [identifier(name), identifier(library)]
        if kind == "RUNTIME_DEPENDENCY_OF":
            ends.reverse()
        relations.append({"spdxElementId": ends[0], "relationshipType": kind,
                          "relatedSpdxElement": ends[1]})
    digest = hashlib.sha256(json.dumps(packages).encode()).hexdigest()
    moment = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.timezone.utc)
    print(json.dumps({
        "spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"{name}-{version}",
        "documentNamespace": f"https://shithub.example/spdx/{name}-{version}-{digest[:32]}",
        "creationInfo": {"created": moment.strftime("%Y-%m-%dT%H:%M:%SZ"),
                         "creators": ["Tool: deploy/debian/sbom.py"]},
        "packages": packages, "relationships": relations}, indent=1))


if __name__ == "__main__":
    main(*sys.argv[1:4])
