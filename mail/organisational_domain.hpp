// Where the part of a domain begins that one organisation holds, by the public suffix list (libpsl's copy of
// it).
#pragma once

#include <string>
#include <string_view>

namespace gatepost::mail {

/// Which public suffixes count: those of registries only ("co.uk"), or also domains below which companies let
/// others have names ("github.io", "compute-1.amazonaws.com").
enum class PublicSuffixes { registries, all };

/// The public suffix and one label more: "example.co.uk" for "a.b.example.co.uk". Empty if `domain`
/// (lower-case A-labels without trailing dot) is itself a public suffix, as every single label is.
std::string organisational_domain(std::string_view domain, PublicSuffixes suffixes = PublicSuffixes::all);

}  // namespace gatepost::mail
