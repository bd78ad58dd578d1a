#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>
#include <cstring>

#include "core/state/body.hpp"
#include "core/state/spill.hpp"

namespace gatepost::state {
namespace {

struct BodyTest : testing::Test {
  base::MemoryBudget budget{1 << 30};
  ChunkPool pool{budget};

  static std::string pattern(std::size_t size) {
    std::string text(size, '\0');
    for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('a' + i % 26);
    return text;
  }

  static std::string read(const Body& body, BodyCursor::View view, std::size_t parts_at_once = 4) {
    std::string out;
    BodyCursor cursor(body, view);
    std::vector<iovec> parts(parts_at_once);
    while (!cursor.at_end()) {
      if (cursor.needs_load()) {
        const auto load = cursor.load();
        const auto buffer = cursor.load_buffer(load);
        EXPECT_EQ(::pread(body.file()->descriptor(), buffer.data(), buffer.size(),
                          static_cast<off_t>(load.file_offset)),
                  static_cast<ssize_t>(load.size));
        cursor.loaded(load);
      }
      const auto gathered = cursor.gather(parts);
      EXPECT_GT(gathered.bytes, 0U);
      for (std::size_t i = 0; i < gathered.count; ++i)
        out.append(static_cast<const char*>(parts[i].iov_base), parts[i].iov_len);
      cursor.advance(gathered.bytes);
    }
    return out;
  }

  /// Writes what can be spilled to a file, as the spill store would.
  static void spill(Body& body) {
    auto file = body.file();
    if (!file) file = std::make_shared<SpillFile>(::open("/tmp", O_TMPFILE | O_RDWR, 0600));
    auto offset = static_cast<off_t>(body.spill_offset());
    for (const auto& part : body.spillable()) {
      EXPECT_EQ(::pwrite(file->descriptor(), part.iov_base, part.iov_len, offset),
                static_cast<ssize_t>(part.iov_len));
      offset += static_cast<off_t>(part.iov_len);
    }
    body.spilled(file);
  }
};

TEST_F(BodyTest, gives_back_what_was_put_in_across_chunks) {
  Body body(pool, Body::Form::stuffed);
  const auto text = pattern(ChunkPool::small + 3 * ChunkPool::large + 77);
  body.append(text);
  EXPECT_EQ(body.size(), text.size());
  EXPECT_EQ(read(body, BodyCursor::View::wire), text);
  EXPECT_EQ(read(body, BodyCursor::View::content, 1), text);
}

TEST_F(BodyTest, skips_stuffed_dots_in_content_and_keeps_them_on_the_wire) {
  Body body(pool, Body::Form::stuffed);
  body.append("..a\r\nb\r\n..\r\n");
  body.note_dot(0);
  body.note_dot(8);
  EXPECT_EQ(read(body, BodyCursor::View::wire, 1), "..a\r\nb\r\n..\r\n");
  EXPECT_EQ(read(body, BodyCursor::View::content, 1), ".a\r\nb\r\n.\r\n");
  EXPECT_EQ(body.content_size(), 10U);
}

TEST_F(BodyTest, stuffs_dots_of_a_plain_body_on_the_wire) {
  Body body(pool, Body::Form::plain);
  body.append(".\r\n..\r\n");
  body.note_dot(0);
  body.note_dot(3);
  EXPECT_EQ(read(body, BodyCursor::View::wire, 1), "..\r\n...\r\n");
  EXPECT_EQ(read(body, BodyCursor::View::wire, 9), "..\r\n...\r\n");
  EXPECT_EQ(read(body, BodyCursor::View::content), ".\r\n..\r\n");
}

TEST_F(BodyTest, has_dots_at_chunk_borders) {
  for (const auto form : {Body::Form::stuffed, Body::Form::plain}) {
    for (std::size_t offset = ChunkPool::small - 2; offset <= ChunkPool::small + 2; ++offset) {
      Body body(pool, form);
      auto text = pattern(ChunkPool::small + 100);
      text[offset] = '.';
      body.append(text);
      body.note_dot(offset);
      auto other = text;
      if (form == Body::Form::stuffed) {
        other.erase(offset, 1);
        EXPECT_EQ(read(body, BodyCursor::View::content), other) << offset;
      } else {
        other.insert(offset, 1, '.');
        EXPECT_EQ(read(body, BodyCursor::View::wire), other) << offset;
      }
    }
  }
}

TEST_F(BodyTest, can_be_cut_back_over_a_chunk_border) {
  Body body(pool, Body::Form::stuffed);
  const auto text = pattern(ChunkPool::small + 1);
  body.append(text);
  body.truncate(ChunkPool::small - 1);
  EXPECT_EQ(read(body, BodyCursor::View::wire), text.substr(0, ChunkPool::small - 1));
  body.append("xyz");
  EXPECT_EQ(read(body, BodyCursor::View::wire), text.substr(0, ChunkPool::small - 1) + "xyz");
}

TEST_F(BodyTest, replaces_the_last_byte_even_when_a_new_chunk_has_begun) {
  Body body(pool, Body::Form::stuffed);
  body.append(pattern(ChunkPool::small));
  body.space();  // begins the next chunk
  body.replace_last('!');
  EXPECT_EQ(read(body, BodyCursor::View::wire).back(), '!');
}

TEST_F(BodyTest, moves_its_middle_to_disk_and_reads_it_back) {
  Body body(pool, Body::Form::plain);
  const auto text = pattern(ChunkPool::small + 5 * ChunkPool::large + 1000);
  std::size_t put = 0;
  while (put < text.size()) {
    const auto take = std::min<std::size_t>(100000, text.size() - put);
    body.append(text.substr(put, take));
    put += take;
    spill(body);
  }
  EXPECT_LE(body.memory(), ChunkPool::small + 2 * ChunkPool::large);
  EXPECT_EQ(body.head(), text.substr(0, ChunkPool::small));
  EXPECT_EQ(read(body, BodyCursor::View::wire), text);
}

TEST_F(BodyTest, has_dots_in_spilled_parts) {
  Body body(pool, Body::Form::plain);
  auto text = pattern(ChunkPool::small + 3 * ChunkPool::large);
  const std::size_t dots[] = {5, ChunkPool::small, ChunkPool::small + 1,
                              ChunkPool::small + ChunkPool::large - 1, text.size() - 1};
  for (const auto dot : dots) text[dot] = '.';
  body.append(text);
  for (const auto dot : dots) body.note_dot(dot);
  spill(body);
  auto expected = text;
  std::size_t before = 0;
  for (const auto dot : dots) expected.insert(dot + before++, 1, '.');
  EXPECT_EQ(read(body, BodyCursor::View::wire), expected);
}

TEST_F(BodyTest, forgets_all_but_its_end) {
  Body body(pool, Body::Form::stuffed);
  body.append(pattern(300000));
  body.forget();
  EXPECT_EQ(body.memory(), ChunkPool::small);
  EXPECT_EQ(body.size(), 300000U);
  body.append(pattern(100000));
  EXPECT_EQ(body.memory(), ChunkPool::small);
  EXPECT_EQ(body.size(), 400000U);
  body.truncate(399998);
  EXPECT_EQ(body.size(), 399998U);
}

TEST_F(BodyTest, gives_all_memory_back) {
  {
    Body body(pool, Body::Form::stuffed);
    body.append(pattern(2000000));
    for (std::uint64_t i = 0; i < 100000; ++i) body.note_dot(i * 3);
    Body moved(std::move(body));
    EXPECT_EQ(body.size(), 0U);
    EXPECT_EQ(moved.size(), 2000000U);
  }
  pool.slice().take(1);
  pool.slice().give(1);
  EXPECT_LE(budget.used(), 3U << 20);
}

TEST(OffsetList, keeps_offsets_far_and_near) {
  OffsetList list;
  const std::vector<std::uint64_t> offsets{0, 1, 127, 255, 256, 20000, 1ULL << 33, (1ULL << 33) + 1};
  for (const auto offset : offsets) list.append(offset);
  OffsetList::Walk walk(list);
  for (const auto offset : offsets) EXPECT_EQ(walk.next(), offset);
  EXPECT_EQ(walk.next(), OffsetList::Walk::end);
}

TEST(DiskSpillStore, writes_and_reads_on_its_own_thread) {
  net::asio::io_context io;
  auto store = make_disk_spill_store("/tmp");
  std::string text = "hello spill";
  std::shared_ptr<SpillFile> file;
  store->write(nullptr, {{text.data(), text.size()}}, 0, io.get_executor(),
               [&](std::shared_ptr<SpillFile> written) { file = std::move(written); });
  std::string again(text.size(), '\0');
  bool good = false;
  const auto work = net::asio::make_work_guard(io);
  while (!file) io.run_one();
  store->read(file, again, 0, io.get_executor(), [&](bool read) {
    good = read;
    io.stop();
  });
  io.run();
  EXPECT_TRUE(good);
  EXPECT_EQ(again, text);
}

TEST(DiskSpillStore, says_when_there_is_no_room) {
  net::asio::io_context io;
  auto store = make_disk_spill_store("/dev/null/no");
  std::string text = "x";
  bool called = false;
  store->write(nullptr, {{text.data(), 1}}, 0, io.get_executor(), [&](std::shared_ptr<SpillFile> written) {
    called = true;
    EXPECT_EQ(written, nullptr);
  });
  const auto work = net::asio::make_work_guard(io);
  while (!called) io.run_one();
}

}  // namespace
}  // namespace gatepost::state
