# services.shithubd-runner.<name>: runners as services of NixOS. Their units are those of deploy/systemd, read
# from there; only paths, token and the name of the state directory differ.
{ packages }:
{ config, lib, pkgs, ... }:

let
  inherit (lib) mkEnableOption mkIf mkOption types;
  toml = pkgs.formats.toml { };
  readUnit = import ./unit.nix;
  shipped = readUnit ../deploy/systemd/shithubd-runner.service;
  resolver = readUnit (../deploy/systemd + "/shithubd-runner-resolver@.service");

  runners = lib.filterAttrs (_: one: one.enable) config.services.shithubd-runner;
  guarded = lib.any (opts: allowlist opts != [ ]) (lib.attrValues runners);
  stateOf = name: "shithubd-runner-${name}";
  allowlist = one: one.settings.runner.network_allowlist or [ ];
  bridgeOf = one: one.settings.network.bridge or (one.settings.engine.network or "shithub-actions");

  # What the file of one runner says: the user's settings, and the places that the unit fixes.
  fileOf = name: one: toml.generate "shithubd-runner-${name}.toml" (lib.recursiveUpdate
    {
      runner.workspace_root = "/var/lib/${stateOf name}/workspaces";
    }
    one.settings);

  one = values: if builtins.length values == 1 then builtins.head values else values;
  # Where the shipped units expect programs, and where they are here.
  placed = opts: builtins.replaceStrings
    [ "/usr/local/bin/" "/usr/sbin/dnsmasq" "/bin/kill" ]
    [ "${opts.package}/bin/" "${pkgs.dnsmasq}/bin/dnsmasq" "${pkgs.coreutils}/bin/kill" ];
  settings = opts: section: without:
    lib.mapAttrs (_: values: one (map (placed opts) values)) (removeAttrs section without);

  runnerService = name: opts: {
    description = "${builtins.head shipped.Unit.Description} ${name}";
    wantedBy = [ "multi-user.target" ];
    restartIfChanged = true; # a stop drains: see TimeoutStopSec in the shipped unit
    unitConfig = settings opts shipped.Unit [ "Description" "ConditionPathExists" "Documentation" ];
    environment = {
      SHITHUB_RUNNER_CONFIG = "${fileOf name opts}";
      SHITHUB_RUNNER_STATE_DIR = "/var/lib/${stateOf name}";
    };
    path = opts.extraPackages;
    serviceConfig = settings opts shipped.Service [ "Environment" "SetCredential" ] // {
      EnvironmentFile = lib.optional (opts.environmentFile != null) opts.environmentFile;
      LoadCredential = [ "token:${opts.tokenFile}" ];
      StateDirectory = stateOf name;
      User = opts.user;
      # the group that may use the engine's socket
      SupplementaryGroups = [ (opts.settings.engine.kind or "docker") ] ++ opts.extraGroups;
    } // opts.serviceOverrides;
  };

  resolverService = name: opts: {
    description = "Egress firewall and allowlist resolver of shithubd-runner ${name}";
    wantedBy = [ "multi-user.target" ];
    unitConfig = settings opts resolver.Unit [ "Description" "ConditionPathExists" "Documentation" "Before" ] // {
      Before = "shithubd-runner-${name}.service";
    };
    environment.SHITHUB_RUNNER_CONFIG = "${fileOf name opts}";
    # The files of a network are in a folder of its bridge's name.
    serviceConfig = lib.mapAttrs
      (_: value: if builtins.isString value then builtins.replaceStrings [ "%i" ] [ (bridgeOf opts) ] value else value)
      (settings opts resolver.Service [ "Environment" "EnvironmentFile" ]);
  };

  # Everything that is wrong with one runner, each with its remedy; NixOS shows them before it builds.
  assertionsOf = name: opts:
    let
      here = "services.shithubd-runner.${name}";
      kind = opts.settings.engine.kind or "docker";
      root = opts.settings.runner.workspace_root or "/var/lib/${stateOf name}/workspaces";
    in
    [
      {
        assertion = opts.tokenFile != null;
        message = "${here}: tokenFile is missing. Run `shithubd admin runner register` and write its token to a file of root, mode 0600.";
      }
      {
        assertion = opts.tokenFile == null || !lib.hasPrefix builtins.storeDir (toString opts.tokenFile);
        message = "${here}: tokenFile is in the Nix store, which everybody may read. Write it as a string, not as a path.";
      }
      {
        assertion = !(opts.settings ? runner.token);
        message = "${here}: settings.runner.token would be in the Nix store, which everybody may read. Use tokenFile.";
      }
      {
        assertion = builtins.elem kind [ "docker" "podman" ];
        message = "${here}: settings.engine.kind is \"${kind}\", expected \"docker\" or \"podman\".";
      }
      {
        assertion = lib.hasPrefix "/var/lib/${stateOf name}/" root;
        message = "${here}: settings.runner.workspace_root is ${root}, but the unit may write only below /var/lib/${stateOf name}. Leave it out, or mount another disk there.";
      }
      {
        assertion = opts.settings ? server.base_url;
        message = "${here}: settings.server.base_url is missing: the URL of the coordinator.";
      }
    ];
in
{
  options.services.shithubd-runner = mkOption {
    default = { };
    description = "Runners of this host.";
    type = types.attrsOf (types.submodule {
      options = {
        enable = mkEnableOption "this runner";
        package = mkOption {
          type = types.package;
          default = packages.${pkgs.system}.shithubd-runner;
          description = "The programs.";
        };
        tokenFile = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "File with the registration token, 64 hex digits. Of root, mode 0600; the service gets a copy.";
        };
        settings = mkOption {
          type = toml.type;
          default = { };
          description = "The configuration file; docs/CONFIG.md has all keys.";
        };
        environmentFile = mkOption {
          type = types.nullOr types.str;
          default = null;
          description = "File with SHITHUB_RUNNER_… variables, if there are any.";
        };
        user = mkOption {
          type = types.str;
          default = "shithub-runner";
          description = "User of the service. It is made if it has this name.";
        };
        extraGroups = mkOption {
          type = types.listOf types.str;
          default = [ ];
          description = "More groups of the service.";
        };
        extraPackages = mkOption {
          type = types.listOf types.package;
          default = [ ];
          description = "Packages in the service's PATH, such as credential helpers of registries.";
        };
        serviceOverrides = mkOption {
          type = types.attrs;
          default = { };
          description = "Settings of the section [Service] that replace those of the shipped unit.";
        };
      };
    });
  };

  config = mkIf (runners != { }) {
    assertions = lib.concatLists (lib.mapAttrsToList assertionsOf runners);
    # the resolver's own user, as the service dnsmasq of NixOS names it
    users.users.dnsmasq = mkIf guarded { isSystemUser = true; group = "dnsmasq"; };
    users.groups.dnsmasq = mkIf guarded { };
    users.users.shithub-runner = {
      isSystemUser = true;
      group = "shithub-runner";
      description = "shithub Actions runner";
      home = "/var/lib/shithubd-runner";
    };
    users.groups.shithub-runner = { };
    systemd.services = lib.mapAttrs' (name: opts: lib.nameValuePair "shithubd-runner-${name}" (runnerService name opts)) runners
      // lib.mapAttrs' (name: opts: lib.nameValuePair "shithubd-runner-resolver-${name}" (resolverService name opts))
        (lib.filterAttrs (_: opts: allowlist opts != [ ]) runners);
  };
}
