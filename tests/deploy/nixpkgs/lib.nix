# The functions of nixpkgs' lib that nix/ uses, with their meaning there. The module system is cut down to
# options of the types below and mkIf, and as strict: an unknown option and a value of another type are errors.
let
  inherit (builtins) all attrNames concatLists concatMap elem elemAt filter foldl' head isAttrs isBool isFunction
    isList isString length listToAttrs mapAttrs removeAttrs stringLength substring toJSON;

  nameValuePair = name: value: { inherit name value; };
  mapAttrs' = f: set: listToAttrs (map (name: f name set.${name}) (attrNames set));
  mapAttrsToList = f: set: map (name: f name set.${name}) (attrNames set);
  filterAttrs = keep: set: removeAttrs set (filter (name: !keep name set.${name}) (attrNames set));
  optional = yes: value: if yes then [ value ] else [ ];
  unique = foldl' (known: one: if elem one known then known else known ++ [ one ]) [ ];
  last = list: elemAt list (length list - 1);
  recursiveUpdate = left: right: mapAttrs
    (name: value:
      if left ? ${name} && isAttrs left.${name} && isAttrs value && !(value ? type)
      then recursiveUpdate left.${name} value else value)
    right // removeAttrs left (attrNames right) // { };

  # A type checks a value and merges several definitions of an option.
  type = name: check: { _type = "option-type"; inherit name check; merge = path: values: last values; };
  isPackage = value: isAttrs value && value.type or "" == "derivation";
  types = rec {
    str = type "string" isString;
    package = type "package" isPackage;
    bool = type "boolean" isBool;
    attrs = type "attribute set" isAttrs // { merge = path: foldl' recursiveUpdate { }; };
    nullOr = inner: type "null or ${inner.name}" (value: value == null || inner.check value);
    listOf = inner: type "list of ${inner.name}" (value: isList value && all inner.check value) // {
      merge = path: concatLists;
    };
    attrsOf = inner: type "attribute set of ${inner.name}" isAttrs // {
      merge = path: values: listToAttrs (map
        (name: nameValuePair name (inner.merge (path ++ [ name ])
          (concatMap (value: optional (value ? ${name}) value.${name}) values)))
        (unique (concatMap attrNames values)));
    };
    submodule = module: type "submodule" isAttrs // {
      merge = path: values: build path module.options values;
    };
  };

  mkIf = condition: content: { _type = "if"; inherit condition content; };
  # Conditions are pushed down to the options, so that one may ask for other options.
  children = name: def:
    if def._type or "" == "if" then map (mkIf def.condition) (children name def.content)
    else optional (def ? ${name}) def.${name};
  values = def:
    if isAttrs def && def._type or "" == "if" then (if def.condition then values def.content else [ ]) else [ def ];
  names = def: if def._type or "" == "if" then names def.content else attrNames def;

  show = path: builtins.concatStringsSep "." path;
  build = path: options: defs:
    let unknown = filter (name: !(options ? ${name})) (unique (concatMap names defs)); in
    if unknown != [ ] then throw "The option `${show (path ++ [ (head unknown) ])}' does not exist."
    else
      mapAttrs
        (name: option:
          let found = concatMap (children name) defs; in
          if option._type or "" == "option" then set (path ++ [ name ]) option found
          else build (path ++ [ name ]) option found)
        options;
  set = path: option: found:
    let
      given = concatMap values found;
      bad = filter (value: !option.type.check value) given;
    in
    if bad != [ ] then throw "A definition for option `${show path}' is not of type `${option.type.name}'."
    else if given != [ ] then option.type.merge path given
    else option.default or (throw "The option `${show path}' is used but not defined.");

  evalModules = { modules }:
    let
      extra = foldl' (got: module: got // (if isAttrs module then module.config._module.args or { } else { })) { } modules;
      load = module: if isFunction module then module (extra // { inherit config lib; }) else module;
      loaded = map load modules;
      without = def: if def._type or "" == "if" then def else removeAttrs def [ "_module" ];
      config = build [ ] (foldl' recursiveUpdate { } (map (one: one.options or { }) loaded))
        (map (one: without (one.config or { })) loaded);
    in
    { inherit config; };

  lib = {
    inherit types mkIf evalModules nameValuePair mapAttrs' mapAttrsToList filterAttrs optional recursiveUpdate
      concatLists mapAttrs;
    inherit (builtins) any attrValues;
    mkOption = attrs: { _type = "option"; } // attrs;
    mkEnableOption = what: lib.mkOption { type = types.bool; default = false; description = "Whether to enable ${what}."; };
    genAttrs = list: f: listToAttrs (map (name: nameValuePair name (f name)) list);
    hasPrefix = prefix: text: substring 0 (stringLength prefix) text == prefix;
    assertMsg = yes: message: yes || throw message;
    cleanSource = path: path;
    makeBinPath = list: builtins.concatStringsSep ":" (map (one: "${one}/bin") list);
  };
in
lib
