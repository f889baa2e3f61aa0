// What totc asks of libtorch's c10d: a store, a Gloo process group and two collectives on the CPU. Every function gives null, or a
// message that `totc_c10d_free` frees; no exception leaves.

#define USE_C10D_GLOO
#include <ATen/ATen.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <functional>
#include <string>
#include <vector>

namespace {

struct Store {
  c10::intrusive_ptr<c10d::Store> store;
};

struct Group {
  c10::intrusive_ptr<c10d::Backend> backend;
};

char* guarded(const std::function<void()>& work) {
  try {
    work();
    return nullptr;
  } catch (const std::exception& error) {
    return strdup(error.what());
  } catch (...) {
    return strdup("an exception without a text");
  }
}

std::chrono::milliseconds milliseconds(int64_t count) { return std::chrono::milliseconds(count); }

}  // namespace

extern "C" {

void totc_c10d_free(void* memory) { free(memory); }

// A client of the store at host:port, which this process serves if `serves`; keys begin with `prefix`.
char* totc_store_open(const char* host, uint16_t port, bool serves, int64_t timeout, const char* prefix, Store** out) {
  return guarded([&] {
    c10d::TCPStoreOptions options;
    options.port = port;
    options.isServer = serves;
    options.waitWorkers = false;
    options.timeout = milliseconds(timeout);
    options.multiTenant = true;
    auto store = c10::make_intrusive<c10d::TCPStore>(std::string(host), options);
    *out = new Store{c10::make_intrusive<c10d::PrefixStore>(std::string(prefix), store)};
  });
}

void totc_store_close(Store* store) {
  guarded([&] { delete store; });
}

char* totc_store_set(Store* store, const char* key, const char* bytes, size_t length) {
  return guarded([&] { store->store->set(key, std::vector<uint8_t>(bytes, bytes + length)); });
}

// The value of a key, which `totc_c10d_free` frees; null where it is not set.
char* totc_store_get(Store* store, const char* key, char** value, size_t* length) {
  return guarded([&] {
    *value = nullptr;
    *length = 0;
    if (!store->store->check({key})) return;
    std::vector<uint8_t> found = store->store->get(key);
    *value = static_cast<char*>(malloc(found.size() + 1));
    if (*value == nullptr) throw std::bad_alloc();
    memcpy(*value, found.data(), found.size());
    *length = found.size();
  });
}

char* totc_store_add(Store* store, const char* key, int64_t amount, int64_t* sum) {
  return guarded([&] { *sum = store->store->add(key, amount); });
}

// A Gloo group whose members meet in the store. `address`: of this machine, as the others reach it; `interface`: a network
// interface in its place; both may be empty.
char* totc_group_open(Store* store, int rank, int size, const char* address, const char* interface, int64_t timeout,
                      Group** out) {
  return guarded([&] {
    auto options = c10d::ProcessGroupGloo::Options::create(milliseconds(timeout));
    if (*interface != '\0') {
      options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForInterface(interface));
    } else if (*address != '\0') {
      options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname(address));
    } else {
      options->devices.push_back(c10d::ProcessGroupGloo::createDefaultDevice());
    }
    *out = new Group{c10::make_intrusive<c10d::ProcessGroupGloo>(store->store, rank, size, options)};
  });
}

void totc_group_close(Group* group) {
  guarded([&] { delete group; });
}

// Part r of `in` goes to process r, whose parts come in their order into `out`: both of one size, contiguous, on the CPU.
char* totc_group_all_to_all(Group* group, void* out, void* in) {
  return guarded([&] {
    std::vector<int64_t> equal;
    group->backend->alltoall_base(*static_cast<at::Tensor*>(out), *static_cast<at::Tensor*>(in), equal, equal)->wait();
  });
}

// `in` of every process, in their order, into `out`: contiguous, on the CPU.
char* totc_group_all_gather(Group* group, void* out, void* in) {
  return guarded([&] {
    group->backend->_allgather_base(*static_cast<at::Tensor*>(out), *static_cast<at::Tensor*>(in))->wait();
  });
}

}  // extern "C"
