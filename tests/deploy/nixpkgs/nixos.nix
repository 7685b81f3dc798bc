# What NixOS makes of services.shithubd-runner = RUNNERS: messages of failed assertions, and its units as text.
{ module, pkgs, runners }:
let
  inherit (pkgs) lib;
  evaluated = lib.evalModules {
    modules = [
      module
      {
        options = lib.genAttrs [ "systemd" "users" ] (_: lib.mkOption { type = lib.types.attrs; default = { }; }) // {
          assertions = lib.mkOption { type = lib.types.listOf lib.types.attrs; default = [ ]; };
        };
        config = {
          _module.args = { inherit pkgs; };
          services.shithubd-runner = runners;
        };
      }
    ];
  };
  flat = value: if builtins.isList value then value else [ value ];
  write = one: if one == true then "true" else if one == false then "false" else toString one;
  lines = settings: builtins.concatStringsSep "" (builtins.concatLists (lib.mapAttrsToList
    (key: value: map (one: "${key}=${write one}\n") (flat value))
    settings));
  text = service: "[Unit]\nDescription=${service.description}\n" + lines service.unitConfig + "\n[Service]\n"
    + lines (lib.mapAttrs' (key: value: lib.nameValuePair "Environment=\"${key}" "${value}\"") service.environment)
    + lines service.serviceConfig + "\n[Install]\n" + lines { WantedBy = service.wantedBy; };
in
{
  failed = map (one: one.message) (builtins.filter (one: !one.assertion) evaluated.config.assertions);
  units = builtins.mapAttrs (_: text) evaluated.config.systemd.services or { };
  users = evaluated.config.users;
}
