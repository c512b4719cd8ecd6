def members($prefix):
  to_entries[] | ($prefix + .key) as $name
  | if (.value | type) == "object" then .value | members($name + "_") else {($name): .value} end;

reduce members("") as $member ({}; . + $member)
