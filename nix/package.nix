# Both programs, the gate and the probe, with the units that `make install` writes.
{ lib, stdenv, pkg-config, pkgsStatic, cjose, curl, gnutls, jansson, libcap, libgit2, libmicrohttpd, libpq, libseccomp, libyaml, md4c, openssl
, sqlite, systemd, yajl, zlib, coreutils, dnsmasq, git, makeWrapper, nftables }:

let
  makefile = builtins.readFile ../Makefile;
  static = pkgsStatic.stdenv.cc;
in
stdenv.mkDerivation {
  pname = "shithubd-runner";
  version = builtins.elemAt (builtins.match ".*\nVERSION := ([0-9.]+)\n.*" makefile) 0;
  src = lib.cleanSource ../.;

  strictDeps = true;
  nativeBuildInputs = [ pkg-config makeWrapper ];
  buildInputs = [ cjose curl gnutls jansson libcap libgit2 libmicrohttpd libpq libseccomp libyaml md4c openssl sqlite systemd yajl zlib ];

  # The gate and the probe run in containers of any image: static, with musl.
  makeFlags = [
    "CC=${stdenv.cc.targetPrefix}cc"
    "MUSL_CC=${static}/bin/${static.targetPrefix}cc"
    "PREFIX=${placeholder "out"}"
    "LATE_WHOLE=1" # dlopen finds nothing by its name alone
  ];
  enableParallelBuilding = true;

  # Programs that these start, and the two that the units name by their place in Debian.
  postInstall = ''
    wrapProgram $out/bin/shithubd --prefix PATH : ${lib.makeBinPath [ git ]}
    wrapProgram $out/bin/shithubd-runner --prefix PATH : ${lib.makeBinPath [ git nftables dnsmasq ]} \
      --set-default SHITHUB_RUNNER_ENGINE__GATE_PATH $out/lib/shithub/shithub-gate
    substituteInPlace $out/lib/systemd/system/*.service \
      --replace-quiet /usr/sbin/dnsmasq ${dnsmasq}/bin/dnsmasq \
      --replace-quiet /bin/kill ${coreutils}/bin/kill
  '';

  meta = {
    description = "Runs CI jobs in confined containers, and their coordinator";
    platforms = [ "x86_64-linux" "aarch64-linux" ];
    mainProgram = "shithubd-runner";
  };
}
