// Who can receive mail here.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/base/result.hpp"
#include "mail/address.hpp"

namespace gatepost::directory {

enum class Lookup {
  found,
  unknown,      ///< there is no such address, for certain
  unavailable,  ///< cannot tell now
};

/// A source of recipients. Immutable: a reload makes a new one.
class Directory {
 public:
  virtual ~Directory() = default;
  /// `key` is a mail::Mailbox::key().
  virtual Lookup find(std::string_view key) const = 0;
  virtual std::size_t size() const = 0;
};

/// Addresses from a text file.
class FileDirectory final : public Directory {
 public:
  struct Mistake {
    std::size_t line;
    std::string message;
  };
  /// Fails if the file cannot be read; mistakes in it are listed, and the lines they are in left out.
  static base::Result<std::shared_ptr<const FileDirectory>> load(const std::string& path,
                                                                 std::string separator,
                                                                 std::vector<Mistake>& mistakes);
  /// From text instead of a file: UTF-8, or UTF-16 with a byte order mark.
  static std::shared_ptr<const FileDirectory> parse(std::string_view text, std::string separator,
                                                    std::vector<Mistake>& mistakes);

  Lookup find(std::string_view key) const override;
  std::size_t size() const override { return addresses_.size(); }

  /// Is any address of `domain` (a key) here? Looks at all of them.
  bool has_any(std::string_view domain) const;
  /// Addresses that are here and not in `older`.
  std::vector<std::string> added_since(const FileDirectory& older) const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
  };
  bool has(std::string_view key) const { return addresses_.find(key) != addresses_.end(); }

  std::unordered_set<std::string, Hash, std::equal_to<>> addresses_;
  std::string separator_;
};

}  // namespace gatepost::directory
