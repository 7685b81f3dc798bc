# An example of the module, evaluated; each setting of the shipped unit must be in its unit.
{ lib, runCommand, pkgs, module }:

let
  example = lib.evalModules {
    modules = [
      module
      {
        options = {
          assertions = lib.mkOption { default = [ ]; type = lib.types.listOf lib.types.attrs; };
          users = lib.mkOption { default = { }; type = lib.types.attrs; };
          systemd = lib.mkOption { default = { }; type = lib.types.attrs; };
        };
        config = {
          _module.args = { inherit pkgs; };
          services.shithubd-runner.example = {
            enable = true;
            tokenFile = "/run/secrets/token";
            settings.server.base_url = "https://shithub.example";
          };
        };
      }
    ];
  };
  service = example.config.systemd.services.shithubd-runner-example;
  shipped = import ./unit.nix ../deploy/systemd/shithubd-runner.service;
  own = [ "ExecStart" "ExecStartPre" "ExecReload" "EnvironmentFile" "LoadCredential" "SetCredential" "StateDirectory" ];
  flat = value: if builtins.isList value then value else [ value ];
  differs = builtins.filter
    (key: !(builtins.elem key own) && flat (service.serviceConfig.${key} or [ ]) != shipped.Service.${key})
    (builtins.attrNames shipped.Service);
in
assert lib.assertMsg (builtins.all (one: one.assertion) example.config.assertions) "an assertion fails";
assert lib.assertMsg (differs == [ ]) "not as shipped: ${toString differs}";
runCommand "check-module" { } "touch $out"
