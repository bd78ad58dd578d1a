// A function to be called once, stored without allocation when small: what std::move_only_function will be.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace gatepost::net {

/// Move-only, called at most once. Empty after the call.
template <class... Args>
class Callback {
 public:
  Callback() = default;
  template <class F>
  requires(!std::is_same_v<std::decay_t<F>, Callback>)
      Callback(F&& f) {  // NOLINT(bugprone-forwarding-reference-overload): constrained above
    using Stored = std::decay_t<F>;
    if constexpr (sizeof(Stored) <= room && alignof(Stored) <= alignof(std::max_align_t) &&
                  std::is_nothrow_move_constructible_v<Stored>) {
      new (&storage_) Stored(std::forward<F>(f));
      operations_ = &inline_operations<Stored>;
    } else {
      new (&storage_) std::unique_ptr<Stored>(std::make_unique<Stored>(std::forward<F>(f)));
      operations_ = &heap_operations<Stored>;
    }
  }
  Callback(Callback&& other) noexcept { take(other); }
  Callback& operator=(Callback&& other) noexcept {
    if (this != &other) {
      reset();
      take(other);
    }
    return *this;
  }
  ~Callback() { reset(); }

  explicit operator bool() const { return operations_ != nullptr; }
  void operator()(Args... args) {
    const auto* operations = std::exchange(operations_, nullptr);
    operations->call(&storage_, std::forward<Args>(args)...);
  }

 private:
  static constexpr std::size_t room = 32;
  struct Operations {
    void (*call)(void*, Args...);  ///< also destroys
    void (*move)(void* to, void* from);
    void (*destroy)(void*);
  };
  template <class F>
  static constexpr Operations inline_operations{[](void* at, Args... args) {
                                                  F f(std::move(*static_cast<F*>(at)));
                                                  static_cast<F*>(at)->~F();
                                                  f(std::forward<Args>(args)...);
                                                },
                                                [](void* to, void* from) {
                                                  new (to) F(std::move(*static_cast<F*>(from)));
                                                  static_cast<F*>(from)->~F();
                                                },
                                                [](void* at) { static_cast<F*>(at)->~F(); }};
  template <class F>
  static constexpr Operations heap_operations{
      [](void* at, Args... args) {
        auto f = std::move(*static_cast<std::unique_ptr<F>*>(at));
        static_cast<std::unique_ptr<F>*>(at)->~unique_ptr();
        (*f)(std::forward<Args>(args)...);
      },
      [](void* to, void* from) {
        new (to) std::unique_ptr<F>(std::move(*static_cast<std::unique_ptr<F>*>(from)));
        static_cast<std::unique_ptr<F>*>(from)->~unique_ptr();
      },
      [](void* at) { static_cast<std::unique_ptr<F>*>(at)->~unique_ptr(); }};

  void take(Callback& other) {
    operations_ = std::exchange(other.operations_, nullptr);
    if (operations_ != nullptr) operations_->move(&storage_, &other.storage_);
  }
  void reset() {
    if (operations_ != nullptr) std::exchange(operations_, nullptr)->destroy(&storage_);
  }

  const Operations* operations_ = nullptr;
  alignas(std::max_align_t) std::byte storage_[room];
};

}  // namespace gatepost::net
