#include "directory/options.hpp"

namespace gatepost::directory {

void DirectoryOptions::visit(base::Visitor& v) {
  v.field({.key = "type",
           .help = "Where the addresses come from. file: a text file with an address a line; @example.org "
                   "stands for a whole domain, # begins a comment."},
          type);
  v.field({.key = "path",
           .help = "The file. It is read at start and at each reload; a bad one keeps the old.",
           .example = "\"/etc/gatepost/recipients\""},
          path);
  v.field({.key = "separator",
           .help = "If set, e.g. \"+\", user+anything@example.org is known where user@example.org is."},
          separator);
}

void DomainOptions::visit(base::Visitor& v) {
  v.field({.key = "names",
           .help = "The domains that mail is taken for. There is no other way to have mail relayed.",
           .example = "[\"example.org\", \"example.net\"]"},
          names);
  v.field({.key = "recipients",
           .help = "The directories to ask, in this order, as type:name; \"any\" takes every address, which "
                   "makes the server behind bounce what it does not know.",
           .example = "[\"file:staff\"]"},
          recipients);
  v.field({.key = "route",
           .help = "The route (see [routes]) to the server of these domains.",
           .example = "\"inside\""},
          route);
  v.field({.key = "postmaster",
           .help = "Where mail for postmaster, bare or at these domains, is sent. Empty: postmaster@domain "
                   "is an address like others.",
           .example = "\"admin@example.org\""},
          postmaster);
}

}  // namespace gatepost::directory
