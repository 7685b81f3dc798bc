# A unit file of deploy/systemd as NixOS options, so that the module repeats none of its settings.
# readUnit FILE gives { Unit = { Key = [ values ]; }; Service = …; Install = …; }, values in order.
file:
let
  lines = builtins.filter builtins.isString (builtins.split "\n" (builtins.readFile file));
  step = state: line:
    let
      section = builtins.match "\\[([A-Za-z]+)]" line;
      setting = builtins.match "([A-Za-z]+)=(.*)" line;
      key = builtins.elemAt setting 0;
      before = state.sections.${state.current} or { };
    in
    if section != null then
      { current = builtins.elemAt section 0; sections = state.sections; }
    else if setting != null then
      state // {
        sections = state.sections // {
          ${state.current} = before // { ${key} = (before.${key} or [ ]) ++ [ (builtins.elemAt setting 1) ]; };
        };
      }
    else if builtins.match "([#;].*)?" line != null then state
    else throw "${toString file}: not a line of a unit: ${line}";
in
(builtins.foldl' step { current = ""; sections = { }; } lines).sections
