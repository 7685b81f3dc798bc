# The image of the steps. contract.tsv lists what workflows may count on; a published tag is never changed, so
# new contents need a new tag. The same inputs give the same bytes: no date, no build host.
{ lib, dockerTools, writeShellScriptBin, runCommand, bash, coreutils, findutils, gawk, gnugrep, gnused, diffutils
, file, procps, util-linux, which, git, openssh, curl, gnutar, gzip, xz, gnupg, cacert, gcc, gfortran, gnumake
, python312 }:

let
  tag = "1.1";
  python = python312.withPackages (all: with all; [ pip setuptools wheel virtualenv ]);
  checkout = writeShellScriptBin "shithub-shallow-checkout" (builtins.readFile ./shallow-checkout.sh);
  tools = [
    bash coreutils findutils gawk gnugrep gnused diffutils file procps util-linux which
    git openssh curl gnutar gzip xz gnupg
    gfortran gnumake # gfortran brings gcc and g++
    python checkout
  ];
  # Names for the users that steps run as, and the places that scripts expect on any Linux.
  files = runCommand "runner-files" { } ''
    mkdir -p $out/etc $out/usr/bin
    printf '%s\n' 'root:x:0:0:root:/root:/bin/bash' 'nobody:x:65534:65534:nobody:/nonexistent:/bin/false' \
      >$out/etc/passwd
    printf '%s\n' 'root:x:0:' 'nogroup:x:65534:' >$out/etc/group
    ln -s ${coreutils}/bin/env $out/usr/bin/env
  '';
in
dockerTools.buildLayeredImage {
  name = "ghcr.io/tenseleyflow/shithub/runner-nix";
  inherit tag;
  contents = tools ++ [ cacert files ];
  maxLayers = 80;
  created = "1970-01-01T00:00:01Z";
  extraCommands = ''
    mkdir -p tmp workspace shithub
    chmod 1777 tmp
  '';
  config = {
    Cmd = [ "bash" ];
    WorkingDir = "/workspace";
    Env = [
      "PATH=/bin:/usr/bin"
      "SSL_CERT_FILE=${cacert}/etc/ssl/certs/ca-bundle.crt"
      "GIT_SSL_CAINFO=${cacert}/etc/ssl/certs/ca-bundle.crt"
    ];
    Labels = {
      "org.opencontainers.image.title" = "runner-nix";
      "org.opencontainers.image.description" = "Image of the steps of shithub Actions";
      "org.opencontainers.image.source" = "https://github.com/tenseleyflow/shithub";
      "org.opencontainers.image.version" = tag;
    };
  };
}
