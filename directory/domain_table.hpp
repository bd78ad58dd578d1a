// Which domains are ours, who receives there, and which way their mail goes.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/options.hpp"
#include "directory/directory.hpp"
#include "directory/options.hpp"

namespace gatepost::directory {

/// One [[domains]] entry, ready for use.
struct Domain {
  std::string route;
  bool any = false;
  std::vector<std::shared_ptr<const Directory>> directories;
  std::optional<mail::Mailbox> postmaster;
};

class DomainTable {
 public:
  using Directories = std::map<std::string, std::shared_ptr<const Directory>>;
  /// Reports what does not fit together at paths like "domains[0].recipients"; `routes`: those there are.
  static DomainTable build(const std::vector<DomainOptions>& domains,
                           const std::map<std::string, DirectoryOptions>& options,
                           const Directories& directories, const std::vector<std::string_view>& routes,
                           base::Problems& problems);

  struct Answer {
    enum class Kind { not_ours, found, unknown, unavailable };
    Kind kind = Kind::not_ours;
    const Domain* domain = nullptr;  ///< null if not ours; lives as long as the table
  };
  /// A recipient that carries a BATV tag is looked for without it.
  Answer find(const mail::Mailbox& recipient) const;

  /// Where a recipient's mail is sent: the recipient, or who is postmaster for it.
  std::string delivery_address(const mail::Mailbox& recipient) const;

  std::vector<std::string> names() const;
  bool empty() const { return domains_.empty(); }
  /// Is a domain (its mail::domain_key()) among them?
  bool ours(std::string_view domain_key) const { return domains_.count(std::string(domain_key)) > 0; }
  /// Whose the recipient's domain is; null if nobody's here.
  const Domain* domain_of(const mail::Mailbox& recipient) const;

 private:
  static bool is_postmaster(const mail::Mailbox& recipient);
  static Lookup look(const Domain& domain, const std::string& key);

  std::vector<std::shared_ptr<Domain>> list_;
  std::unordered_map<std::string, std::shared_ptr<Domain>> domains_;
  std::string first_name_;
};

}  // namespace gatepost::directory
