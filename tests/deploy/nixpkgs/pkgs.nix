# Packages of the names that nix/ uses. Each is a derivation that nobody builds; an unknown name is an error.
system:
let
  lib = import ./lib.nix;
  fake = name: args: derivation { inherit name system; builder = "/bin/sh"; args = [ "-c" "exit 1" ]; } // args;
  names = [
    "bash" "cacert" "cjose" "clang-tools" "cmocka" "coreutils" "cppcheck" "curl" "diffutils" "dnsmasq" "file" "findutils"
    "gawk" "gcc" "gfortran" "git" "gnugrep" "gnumake" "gnupg" "gnused" "gnutar" "gnutls" "gzip" "jansson" "libcap" "libgit2"
    "libmicrohttpd" "libpq" "libseccomp" "libyaml" "makeWrapper" "md4c" "nftables" "openssh" "openssl" "pkg-config" "procps"
    "shellcheck" "sqlite" "systemd" "util-linux" "which" "xz" "yajl" "zlib"
  ];
  python = { pip = fake "pip" { }; setuptools = fake "setuptools" { }; wheel = fake "wheel" { };
    virtualenv = fake "virtualenv" { }; pytest = fake "pytest" { }; };
  toToml = value: builtins.concatStringsSep "" (lib.mapAttrsToList
    (section: keys: "[${section}]\n" + builtins.concatStringsSep "" (lib.mapAttrsToList
      (key: one: "${key} = ${builtins.toJSON one}\n")
      keys))
    value);
  pkgs = builtins.listToAttrs (map (name: { inherit name; value = fake name { }; }) names) // {
    inherit lib pkgs system;
    callPackage = file: args:
      let make = import file; in
      make (builtins.intersectAttrs (builtins.functionArgs make) pkgs // args);
    stdenv = {
      mkDerivation = args: fake args.pname { inherit args; inherit (args) version meta; };
      cc.targetPrefix = "";
    };
    pkgsStatic.stdenv.cc = fake "musl-cc" { targetPrefix = "x86_64-unknown-linux-musl-"; };
    mkShell = args: fake "shell" { inherit args; };
    runCommand = name: args: script: fake name { inherit script; };
    writeShellScriptBin = name: text: fake name { inherit text; };
    dockerTools.buildLayeredImage = args: fake "image" { inherit args; };
    python3Packages = python;
    python312 = {
      withPackages = choose: fake "python3.12" { packages = map (one: one.name) (choose python); };
    };
    formats.toml = _: {
      type = lib.types.attrs;
      generate = name: value: builtins.toFile name (toToml value);
    };
  };
in
pkgs
