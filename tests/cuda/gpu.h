// Stands for a GPU, so that a C++ compiler compiles generated kernels as they are: the threads of a block run one after
// the other on stacks of their own, each until it waits for the others. For the tests alone.
#include <cmath>
#include <cstring>
#include <functional>
#include <ucontext.h>
#include <vector>

#define __global__
#define __device__
#define __forceinline__ inline
#define __shared__ static
#define __launch_bounds__(threads)

struct Place3 { unsigned x; };
static Place3 threadIdx, blockIdx, gridDim;

static inline float __uint_as_float(unsigned bits) { float x; std::memcpy(&x, &bits, 4); return x; }
static inline unsigned __float_as_uint(float x) { unsigned bits; std::memcpy(&bits, &x, 4); return bits; }

// One set for all kernels, of which there are hundreds.
constexpr size_t STACK = 32 * 1024;
static std::vector<char> stacks(1024 * STACK);
static ucontext_t home, fibers[1024];
static unsigned char words[1024][8];
static bool done[1024];
static std::function<void()> body;

static void wait_for_all() { const unsigned own = threadIdx.x; swapcontext(&fibers[own], &home); }
static inline void __syncthreads() { wait_for_all(); }
template <class T> static T __shfl_xor_sync(unsigned, T value, int apart) {
    const unsigned own = threadIdx.x;
    std::memcpy(words[own], &value, sizeof value);
    wait_for_all();
    T other;
    std::memcpy(&other, words[own ^ apart], sizeof other);
    wait_for_all();
    return other;
}

static void fiber() { body(); done[threadIdx.x] = true; }

// 0 where all threads of each block met as often; else the kernel would hang on a GPU.
template <class Arguments>
static int launch(void (*kernel)(Arguments), const void *given, unsigned blocks, unsigned threads) {
    Arguments own;
    std::memcpy(&own, given, sizeof own);
    body = [=] { kernel(own); };
    gridDim.x = blocks;
    for (blockIdx.x = 0; blockIdx.x < blocks; ++blockIdx.x) {
        for (unsigned thread = 0; thread < threads; ++thread) {
            done[thread] = false;
            getcontext(&fibers[thread]);
            fibers[thread].uc_stack.ss_sp = &stacks[thread * STACK];
            fibers[thread].uc_stack.ss_size = STACK;
            fibers[thread].uc_link = &home;
            makecontext(&fibers[thread], fiber, 0);
        }
        for (unsigned left = threads; left > 0;) {
            left = 0;
            for (unsigned thread = 0; thread < threads; ++thread) {
                threadIdx.x = thread;
                swapcontext(&home, &fibers[thread]);
                left += !done[thread];
            }
            if (left != 0 && left != threads) return 1;
        }
    }
    return 0;
}
