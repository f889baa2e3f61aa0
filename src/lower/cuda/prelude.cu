// What all kernels share. Compiles by NVRTC without a header, and by a C++ compiler behind one that stands for a GPU.
typedef unsigned short bfloat16;
typedef unsigned char boolean;

template <class T> __device__ __forceinline__ T infinity();
template <> __device__ __forceinline__ float infinity<float>() { return __uint_as_float(0x7f800000u); }
template <> __device__ __forceinline__ double infinity<double>() { return infinity<float>(); }

__device__ __forceinline__ float widened(float x) { return x; }
__device__ __forceinline__ double widened(double x) { return x; }
__device__ __forceinline__ float widened(boolean x) { return x ? 1.0f : 0.0f; }
__device__ __forceinline__ float widened(bfloat16 x) { return __uint_as_float((unsigned)x << 16); }

template <class T> __device__ __forceinline__ void store(float *at, T x) { *at = (float)x; }
template <class T> __device__ __forceinline__ void store(double *at, T x) { *at = (double)x; }
template <class T> __device__ __forceinline__ void store(boolean *at, T x) { *at = x != T(0); }
// To nearest, ties to even; NaN stays NaN.
template <class T> __device__ __forceinline__ void store(bfloat16 *at, T x) {
    const unsigned bits = __float_as_uint((float)x);
    *at = (bfloat16)((x != x ? bits | 0x400000u : bits + 0x7fffu + ((bits >> 16) & 1u)) >> 16);
}

#define BOTH(name, narrow, wide)                                                        \
    __device__ __forceinline__ float name(float x) { return narrow(x); }                \
    __device__ __forceinline__ double name(double x) { return wide(x); }
BOTH(exp_of, expf, exp)
BOTH(log_of, logf, log)
BOTH(sqrt_of, sqrtf, sqrt)
BOTH(abs_of, fabsf, fabs)
BOTH(floor_of, floorf, floor)
BOTH(sin_of, sinf, sin)
BOTH(cos_of, cosf, cos)
BOTH(tanh_of, tanhf, tanh)
__device__ __forceinline__ float power(float x, float y) { return powf(x, y); }
__device__ __forceinline__ double power(double x, double y) { return pow(x, y); }

template <class T> __device__ __forceinline__ T rsqrt_of(T x) { return T(1) / sqrt_of(x); }
template <class T> __device__ __forceinline__ T sign_of(T x) { return x < T(0) ? T(-1) : x > T(0) ? T(1) : T(0); }
template <class T> __device__ __forceinline__ T sigmoid(T x) { return T(1) / (T(1) + exp_of(-x)); }
template <class T> __device__ __forceinline__ T silu(T x) { return x * sigmoid(x); }
template <class T> __device__ __forceinline__ T relu(T x) { return x < T(0) ? T(0) : x; }
template <class T> __device__ __forceinline__ T truth(bool x) { return x ? T(1) : T(0); }
template <class T> __device__ __forceinline__ T larger(T a, T b) { return b != b ? b : a != a || a > b ? a : b; }
template <class T> __device__ __forceinline__ T smaller(T a, T b) { return b != b ? b : a != a || a < b ? a : b; }
template <class T> __device__ __forceinline__ T sigmoid_backward(T g, T y) { return g * (y * (T(1) - y)); }
template <class T> __device__ __forceinline__ T tanh_backward(T g, T y) { return g * (T(1) - y * y); }
template <class T> __device__ __forceinline__ T silu_backward(T g, T x) {
    const T s = sigmoid(x);
    return g * (s * (T(1) + x * (T(1) - s)));
}

struct Sum {
    template <class T> static __device__ __forceinline__ T start() { return T(0); }
    template <class T> static __device__ __forceinline__ T join(T a, T b) { return a + b; }
};
struct Max {
    template <class T> static __device__ __forceinline__ T start() { return -infinity<T>(); }
    template <class T> static __device__ __forceinline__ T join(T a, T b) { return larger(a, b); }
};
struct Min {
    template <class T> static __device__ __forceinline__ T start() { return infinity<T>(); }
    template <class T> static __device__ __forceinline__ T join(T a, T b) { return smaller(a, b); }
};

// Of what the TEAM threads of a row have: the same for all of them, always in the same order.
template <class Join, int TEAM, class T> __device__ __forceinline__ T joined(T value, T *partial) {
    for (int apart = (TEAM < 32 ? TEAM : 32) / 2; apart > 0; apart /= 2)
        value = Join::template join<T>(value, __shfl_xor_sync(0xffffffffu, value, apart));
    if (TEAM <= 32) return value;
    __syncthreads(); // what was joined before has been read
    if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = value;
    __syncthreads();
    const int first = (int)threadIdx.x / TEAM * (TEAM / 32);
    value = partial[first];
    for (int other = 1; other < TEAM / 32; ++other) value = Join::template join<T>(value, partial[first + other]);
    return value;
}
