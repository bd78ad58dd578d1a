#include "directory/domain_table.hpp"

#include <algorithm>

#include "core/base/text.hpp"

namespace gatepost::directory {
namespace {

struct Builder {
  const std::map<std::string, DirectoryOptions>& options;
  const DomainTable::Directories& directories;
  base::Problems& problems;

  /// "file:staff" names [directories.staff], which must be of type file.
  void add_directory(Domain& domain, const std::string& path, std::string_view text) const {
    if (text == "any") {
      domain.any = true;
      return;
    }
    auto name = text;
    const auto type =
        text.find(':') == std::string_view::npos ? std::string_view{} : base::split_off(name, ':');
    const auto found = options.find(std::string(name));
    if (found == options.end()) {
      std::vector<std::string_view> known{"any"};
      for (const auto& [key, value] : options) known.push_back(key);
      const auto meant = base::probably_meant(name, known);
      problems.error(path, "there is no directory \"" + std::string(name) + "\"",
                     meant.empty() ? "add [directories." + std::string(name) + "]"
                                   : "did you mean \"" + std::string(meant) + "\"?");
      return;
    }
    const auto real_type = base::TextForm<DirectoryType>::print(found->second.type);
    if (type != real_type) {
      problems.error(
          path, "\"" + std::string(text) + "\" should be \"" + real_type + ":" + std::string(name) + "\"");
      return;
    }
    const auto loaded = directories.find(std::string(name));
    if (loaded != directories.end()) domain.directories.push_back(loaded->second);
  }
};

}  // namespace

DomainTable DomainTable::build(const std::vector<DomainOptions>& domains,
                               const std::map<std::string, DirectoryOptions>& options,
                               const Directories& directories, const std::vector<std::string_view>& routes,
                               base::Problems& problems) {
  DomainTable table;
  const Builder builder{options, directories, problems};
  for (std::size_t i = 0; i < domains.size(); ++i) {
    const auto& from = domains[i];
    const auto path = "domains[" + std::to_string(i) + "]";
    auto domain = std::make_shared<Domain>();
    domain->route = from.route;
    if (from.names.empty()) problems.error(path + ".names", "names no domain");
    if (from.recipients.empty())
      problems.error(path + ".recipients", "names no directory", "\"any\" takes every address");
    for (const auto& name : from.recipients) builder.add_directory(*domain, path + ".recipients", name);
    if (std::find(routes.begin(), routes.end(), from.route) == routes.end()) {
      const auto meant = base::probably_meant(from.route, routes);
      problems.error(path + ".route",
                     from.route.empty() ? "names no route" : "there is no route \"" + from.route + "\"",
                     meant.empty() ? "add [routes." + (from.route.empty() ? "inside" : from.route) + "]"
                                   : "did you mean \"" + std::string(meant) + "\"?");
    }
    if (!from.postmaster.empty()) {
      domain->postmaster = mail::Mailbox::parse(from.postmaster);
      if (!domain->postmaster)
        problems.error(path + ".postmaster",
                       "\"" + base::printable(from.postmaster) + "\" is no mail address");
    }
    for (const auto& name : from.names) {
      const auto key = mail::domain_key(name);
      if (!key || key->starts_with('[')) {
        problems.error(path + ".names", "\"" + base::printable(name) + "\" is no domain");
      } else if (!table.domains_.emplace(*key, domain).second) {
        problems.error(path + ".names", "\"" + name + "\" is named twice");
      } else if (table.first_name_.empty()) {
        table.first_name_ = *key;
      }
    }
    table.list_.push_back(std::move(domain));
  }
  return table;
}

bool DomainTable::is_postmaster(const mail::Mailbox& recipient) {
  return recipient.local_key() == "postmaster";
}

const Domain* DomainTable::domain_of(const mail::Mailbox& recipient) const {
  const auto found = domains_.find(recipient.has_domain() ? recipient.domain_key() : first_name_);
  return found == domains_.end() ? nullptr : found->second.get();
}

DomainTable::Answer DomainTable::find(const mail::Mailbox& recipient) const {
  const auto* domain = domain_of(recipient);
  if (domain == nullptr) return {};
  if (domain->any || (domain->postmaster && is_postmaster(recipient))) return {Answer::Kind::found, domain};
  const auto local = recipient.local_key();
  const auto at = "@" + (recipient.has_domain() ? recipient.domain_key() : first_name_);
  auto found = look(*domain, local + at);
  if (found == Lookup::unknown) {
    if (const auto bare = mail::without_batv(local); bare != local)
      found = look(*domain, std::string(bare) + at);
  }
  switch (found) {
    case Lookup::found: return {Answer::Kind::found, domain};
    case Lookup::unknown: return {Answer::Kind::unknown, domain};
    default: return {Answer::Kind::unavailable, domain};
  }
}

/// In all directories of the domain; unknown only if all of them are sure.
Lookup DomainTable::look(const Domain& domain, const std::string& key) {
  auto all = Lookup::unknown;
  for (const auto& directory : domain.directories) {
    const auto found = directory->find(key);
    if (found == Lookup::found) return found;
    if (found != Lookup::unknown) all = found;
  }
  return all;
}

std::string DomainTable::delivery_address(const mail::Mailbox& recipient) const {
  const auto* domain = domain_of(recipient);
  if (domain != nullptr && domain->postmaster && is_postmaster(recipient)) return domain->postmaster->text();
  return recipient.has_domain() ? recipient.text() : recipient.text() + "@" + first_name_;
}

std::vector<std::string> DomainTable::names() const {
  std::vector<std::string> names;
  for (const auto& [name, domain] : domains_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace gatepost::directory
