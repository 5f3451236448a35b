// Runs the text of CUDA kernels on a CPU: every thread of a block is a coroutine that stops at barriers.
//
// Blocks come one after another, and between two barriers the threads do, both in an order drawn anew from a seed. That
// shows a barrier that is missing, memory that nobody set, a barrier that some threads never reach, and a result that
// hangs on an order. It does not show what only true simultaneity does: an addition that should have been atomic.

#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

struct { unsigned x; } blockIdx, threadIdx;

#define KERNEL
#define __device__ static
#define __shared__ static __attribute__((section("block_memory")))
#define __launch_bounds__(...)
#define atomicAdd(at, by) ({ __typeof__(*(at)) old = *(at); *(at) = old + (by); old; })
#define atomicOr(at, bits) ({ __typeof__(*(at)) old = *(at); *(at) = old | (bits); old; })
#define atomicMin(at, to) ({ __typeof__(*(at)) old = *(at); if ((to) < old) *(at) = (to); old; })
#define atomicMax(at, to) ({ __typeof__(*(at)) old = *(at); if ((to) > old) *(at) = (to); old; })
#define __popc(bits) __builtin_popcount(bits)
#define __ffs(bits) __builtin_ffs(bits)
#define __clz(bits) ((bits) ? __builtin_clz(bits) : 32)

static ucontext_t scheduler, threads[THREADS];
static unsigned running;

void __syncthreads(void) { swapcontext(&threads[running], &scheduler); }

#include KERNELS

#define STACK (1 << 16)

extern char __start_block_memory[], __stop_block_memory[];

static char *stacks;
static int finished;
static unsigned long long dice;
static void (*called)();
static void **arguments;
static int argument_count;

static unsigned below(unsigned limit)
{
    dice = dice * 6364136223846793005ull + 1442695040888963407ull;
    return (unsigned)(dice >> 33) % limit;
}

static void shuffle(unsigned *order, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        unsigned other = below(n + 1);
        order[n] = order[other];
        order[other] = n;
    }
}

static void run_thread(void)
{
    void **a = arguments;
    switch (argument_count) {
    case 2: called(a[0], a[1]); break;
    case 3: called(a[0], a[1], a[2]); break;
    case 4: called(a[0], a[1], a[2], a[3]); break;
    case 5: called(a[0], a[1], a[2], a[3], a[4]); break;
    case 9: called(a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7], a[8]); break;
    default: abort();
    }
    finished++;
}

// 0, or 1 where some threads ended while others stood at a barrier.
static int run_block(unsigned block)
{
    unsigned order[THREADS];
    memset(__start_block_memory, 0xa5, __stop_block_memory - __start_block_memory);
    for (unsigned n = 0; n < THREADS; n++) {
        getcontext(&threads[n]);
        threads[n].uc_stack.ss_sp = stacks + n * STACK;
        threads[n].uc_stack.ss_size = STACK;
        threads[n].uc_link = &scheduler;
        makecontext(&threads[n], run_thread, 0);
    }
    for (finished = 0; finished < THREADS;) {
        if (finished)
            return 1;
        shuffle(order, THREADS);
        for (unsigned n = 0; n < THREADS; n++) {
            running = order[n];
            blockIdx.x = block;
            threadIdx.x = running;
            swapcontext(&scheduler, &threads[running]);
        }
    }
    return 0;
}

int emulate(void (*kernel)(), int blocks, unsigned long long seed, void **of, int count)
{
    unsigned *order = malloc(blocks * sizeof *order);
    int diverged = 0;
    called = kernel, arguments = of, argument_count = count, dice = seed;
    stacks = malloc((size_t)THREADS * STACK);
    shuffle(order, blocks);
    for (int n = 0; n < blocks && !diverged; n++)
        diverged = run_block(order[n]);
    free(stacks);
    free(order);
    return diverged;
}
