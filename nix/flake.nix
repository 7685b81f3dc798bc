{
  description = "shithubd-runner: CI jobs in confined containers, and shithubd, their coordinator";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-25.11";

  outputs = { self, nixpkgs }:
    let
      systems = [ "x86_64-linux" "aarch64-linux" ];
      each = make: nixpkgs.lib.genAttrs systems (system: make nixpkgs.legacyPackages.${system});
    in
    {
      packages = each (pkgs: rec {
        shithubd-runner = pkgs.callPackage ./package.nix { };
        runnerImage = pkgs.callPackage ./image.nix { };
        default = shithubd-runner;
      });

      nixosModules = rec {
        shithubd-runner = import ./module.nix { packages = self.packages; };
        default = shithubd-runner;
      };

      # `nix flake check`: package and image build, an example of the module gives the shipped units.
      checks = each (pkgs: {
        package = self.packages.${pkgs.system}.shithubd-runner;
        module = pkgs.callPackage ./check-module.nix { module = self.nixosModules.default; };
        image = self.packages.${pkgs.system}.runnerImage;
      });

      devShells = each (pkgs: {
        default = pkgs.mkShell {
          inputsFrom = [ self.packages.${pkgs.system}.shithubd-runner ];
          packages = with pkgs; [ clang-tools cmocka cppcheck python3Packages.pytest shellcheck ];
        };
      });
    };
}
