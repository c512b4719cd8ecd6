def change(member; f): if (member | type) == "string" then member |= f else . end;
def mask: .[:1] + "***";
def mask_email: split("@") | if length == 2 then (.[0] | mask) + "@" + .[1] else "***" end;

change(.user.name; mask) | change(.user.email; mask_email)
