// Integer sums over the voxels of entities: everything that geometry, intensities and surfaces are derived from.
//
// Integers only, so no order of the threads changes a result. The text is C as well as CUDA, so that tests can run it
// on a CPU. Every argument is an array. Whoever compiles it says THREADS, of every block, a power of two from 32 on, and
// SHARE_WORDS.

#ifndef KERNEL
#define KERNEL extern "C" __global__
#endif

typedef long long i64;
typedef unsigned long long u64;
typedef unsigned int u32;

// HU that a block counts in shared memory; all others go straight to the table in device memory.
#define USUAL_FROM_HU (-1024)
#define USUAL_HU 4096
#define LOWEST_HU (-32768)
#define HU_VALUES 65536
#define NO_HU HU_VALUES
#define CELL_CASES 256
#define SUMS 10
#define ENDS 4
// Loads that a lane has in flight.
#define TOGETHER 8

// One entity's box with a margin of one voxel on every side, a bit a voxel; a row begins with a new word.
typedef struct {
    i64 first_word;
    i64 words;        // of a row
    i64 rows;         // of a slice
    i64 z, y, x;      // of its first voxel, in the volume
    i64 first_voxel;  // where its first voxel would stand in `image`, which ends at the box
    i64 image_slice;  // voxels from one slice of the image to the next
    i64 image_row;
} Window;

// A run of an entity's voxels along x, half-open, in bits of a row of its window.
typedef struct {
    i64 row_word;
    i64 start, stop;
} Run;

// What one block gathers: SHARE_WORDS words of one window at most, counted without its last slice and the last rows.
typedef struct {
    i64 window;
    i64 first, stop;
} Share;

__device__ u32 bits_up_to(i64 bit)  // the lowest `bit` bits, 0 to 32
{
    return bit >= 32 ? 0xffffffffu : (1u << bit) - 1u;
}

// One thread a run.
KERNEL void paint(const Run *__restrict__ runs, const i64 *__restrict__ run_count, u32 *__restrict__ bits)
{
    i64 n = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (n >= *run_count)
        return;
    Run run = runs[n];
    for (i64 word = run.start / 32; word * 32 < run.stop; word++) {
        i64 begin = run.start - word * 32, end = run.stop - word * 32;
        atomicOr(bits + run.row_word + word, bits_up_to(end) & ~bits_up_to(begin > 0 ? begin : 0));
    }
}

// The eight corners of a cell are voxels; corner dz * 4 + dy * 2 + dx sets that bit of its case. The word's bits are the
// corners (0,0,0) of 32 cells, so the margin gives every cell that touches the entity. Case 0 is left out.
__device__ void count_cells(const u32 *word, i64 row, i64 slice, int is_last, u32 *cases)
{
    u32 low[4], high[4], some = 0, all = 0xffffffffu;
#pragma unroll
    for (int n = 0; n < 4; n++) {
        const u32 *at = word + (n >> 1) * slice + (n & 1) * row;
        low[n] = at[0];
        high[n] = low[n] >> 1 | (is_last ? 0u : at[1] << 31);
        some |= low[n] | high[n];
        all &= low[n] & high[n];
    }
    if (all)
        atomicAdd(cases + CELL_CASES - 1, (u32)__popc(all));
    for (u32 mixed = some & ~all; mixed; mixed &= mixed - 1) {
        int bit = __ffs((int)mixed) - 1;
        u32 cell = 0;
#pragma unroll
        for (int n = 0; n < 4; n++)
            cell |= (low[n] >> bit & 1u) << (2 * n) | (high[n] >> bit & 1u) << (2 * n + 1);
        atomicAdd(cases + cell, 1u);
    }
}

// Adds 1, z, y, x, zz, zy, zx, yy, yx and xx of the word's voxels, whose bit 0 stands at (z, y, x) in the volume.
__device__ void add_sums(u32 word, i64 z, i64 y, i64 x, i64 *sums)
{
    // Bit numbers in binary: of the voxels with digit j set, and of those with both j and k, only the count is needed.
    const u32 digit[5] = {0xaaaaaaaau, 0xccccccccu, 0xf0f0f0f0u, 0xff00ff00u, 0xffff0000u};
    i64 n = __popc(word), bit = 0, square = 0;
#pragma unroll
    for (int j = 0; j < 5; j++) {
        bit += (i64)__popc(word & digit[j]) << j;
#pragma unroll
        for (int k = 0; k < 5; k++)
            square += (i64)__popc(word & digit[j] & digit[k]) << (j + k);
    }
    i64 sum_x = n * x + bit;
    sums[0] += n;
    sums[1] += z * n;
    sums[2] += y * n;
    sums[3] += sum_x;
    sums[4] += z * z * n;
    sums[5] += z * y * n;
    sums[6] += z * sum_x;
    sums[7] += y * y * n;
    sums[8] += y * sum_x;
    sums[9] += n * x * x + 2 * x * bit + square;
}

__device__ void grow(int *low, int *high, int at, int to)
{
    *low = at < *low ? at : *low;
    *high = to > *high ? to : *high;
}

// What the threads of a block share.
typedef struct {
    union {
        i64 sums[SUMS][THREADS];
        u32 usual_hu[USUAL_HU];  // once the sums are written out
    };
    u32 cases[CELL_CASES];
    int low[ENDS], high[ENDS];
    u32 queued;  // words with voxels, and where in the image their bit 0 lies
    u32 word[SHARE_WORDS], voxel[SHARE_WORDS];
} Block;

__device__ void clear(Block *block)
{
    for (int n = threadIdx.x; n < CELL_CASES; n += THREADS)
        block->cases[n] = 0;
    if (threadIdx.x < ENDS) {
        block->low[threadIdx.x] = 0x7fffffff;
        block->high[threadIdx.x] = -0x7fffffff;
    }
    if (threadIdx.x == 0)
        block->queued = 0;
    __syncthreads();
}

// A thread a word: where the voxels are. Words with voxels go into the queue.
__device__ void gather_places(Share share, const Window *window, const u32 *bits, Block *block)
{
    const u32 words = (u32)window->words, cell_rows = (u32)window->rows - 1u;
    const i64 slice = window->rows * window->words;
    i64 sums[SUMS] = {0};
    int low[3] = {0x7fffffff, 0x7fffffff, 0x7fffffff}, high[3] = {-0x7fffffff, -0x7fffffff, -0x7fffffff};
    for (u32 n = (u32)share.first + (u32)threadIdx.x; n < (u32)share.stop; n += THREADS) {
        const u32 column = n % words, row = n / words;
        const u32 y = row % cell_rows, z = row / cell_rows;
        const u32 *word = bits + z * slice + y * window->words + column;
        count_cells(word, window->words, slice, column + 1 == words, block->cases);
        if (*word) {
            const int at_z = (int)window->z + (int)z, at_y = (int)window->y + (int)y;
            const int at_x = (int)window->x + 32 * (int)column;
            const u32 place = atomicAdd(&block->queued, 1u);
            block->word[place] = *word;
            block->voxel[place] = (u32)(z * window->image_slice + y * window->image_row + 32 * column);
            add_sums(*word, at_z, at_y, at_x, sums);
            grow(low, high, at_z, at_z);
            grow(low + 1, high + 1, at_y, at_y);
            grow(low + 2, high + 2, at_x + __ffs((int)*word) - 1, at_x + 31 - __clz((int)*word));
        }
    }
#pragma unroll
    for (int n = 0; n < SUMS; n++)
        block->sums[n][threadIdx.x] = sums[n];
#pragma unroll
    for (int n = 0; n < 3; n++) {
        atomicMin(block->low + n, low[n]);
        atomicMax(block->high + n, high[n]);
    }
    __syncthreads();
}

__device__ void write_sums(Block *block, u64 *sums)
{
    for (int half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half)
            for (int n = 0; n < SUMS; n++)
                block->sums[n][threadIdx.x] += block->sums[n][threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x < SUMS)
        atomicAdd(sums + threadIdx.x, (u64)block->sums[threadIdx.x][0]);
    __syncthreads();
}

// A warp a word of the queue, a lane a voxel, so that neighbours read neighbours: what their HU are.
__device__ void gather_hu(const short *image, Block *block, u32 *hu_counts)
{
    for (int n = threadIdx.x; n < USUAL_HU; n += THREADS)
        block->usual_hu[n] = 0;
    __syncthreads();
    const u32 lane = threadIdx.x % 32, warps = THREADS / 32;
    int low = 0x7fffffff, high = -0x7fffffff;
    for (u32 first = threadIdx.x / 32; first < block->queued; first += TOGETHER * warps) {
        int hu[TOGETHER];
#pragma unroll
        for (int k = 0; k < TOGETHER; k++) {
            const u32 n = first + k * warps;
            const int is_voxel = n < block->queued && block->word[n] >> lane & 1u;
            hu[k] = is_voxel ? image[(i64)block->voxel[n] + lane] : NO_HU;
        }
#pragma unroll
        for (int k = 0; k < TOGETHER; k++) {
            const u32 usual = (u32)(hu[k] - USUAL_FROM_HU);
            if (hu[k] == NO_HU)
                continue;
            grow(&low, &high, hu[k], hu[k]);
            if (usual < USUAL_HU)
                atomicAdd(block->usual_hu + usual, 1u);
            else
                atomicAdd(hu_counts + hu[k], 1u);
        }
    }
    atomicMin(block->low + 3, low);
    atomicMax(block->high + 3, high);
    __syncthreads();
}

__device__ void write_counts(const Block *block, int *low, int *high, u32 *cases, u32 *hu_counts)
{
    for (int n = threadIdx.x; n < USUAL_HU; n += THREADS)
        if (block->usual_hu[n])
            atomicAdd(hu_counts + USUAL_FROM_HU + n, block->usual_hu[n]);
    for (int n = threadIdx.x; n < CELL_CASES; n += THREADS)
        if (block->cases[n])
            atomicAdd(cases + n, block->cases[n]);
    if (threadIdx.x < ENDS) {
        atomicMin(low + threadIdx.x, block->low[threadIdx.x]);
        atomicMax(high + threadIdx.x, block->high[threadIdx.x]);
    }
}

// One block a share. `low` and `high` of a window are z, y, x and HU, both inclusive. Four blocks a multiprocessor: the
// most whose registers still suffice.
KERNEL void __launch_bounds__(THREADS, 4)
    gather(const Share *__restrict__ shares, const Window *__restrict__ windows, const u32 *__restrict__ bits,
           const short *__restrict__ image, u64 *__restrict__ sums, int *__restrict__ low, int *__restrict__ high,
           u32 *__restrict__ cases, u32 *__restrict__ hu_counts)
{
    __shared__ Block block;
    const Share share = shares[blockIdx.x];
    const Window *window = windows + share.window;
    u32 *counts_from_0 = hu_counts + share.window * HU_VALUES - LOWEST_HU;
    clear(&block);
    gather_places(share, window, bits + window->first_word, &block);
    write_sums(&block, sums + share.window * SUMS);
    gather_hu(image + window->first_voxel, &block, counts_from_0);
    write_counts(&block, low + share.window * ENDS, high + share.window * ENDS, cases + share.window * CELL_CASES,
                 counts_from_0);
}

// One block a window: its counts from the lowest to the highest HU that occur, written from `first[window]` on.
KERNEL void pack(const u32 *__restrict__ hu_counts, const int *__restrict__ low, const int *__restrict__ high,
                 const i64 *__restrict__ first, u32 *__restrict__ packed)
{
    const i64 window = blockIdx.x;
    const int from = low[window * ENDS + 3], to = high[window * ENDS + 3];
    const u32 *counts = hu_counts + window * HU_VALUES - LOWEST_HU;
    for (int hu = from + (int)threadIdx.x; hu <= to; hu += THREADS)
        packed[first[window] + hu - from] = counts[hu];
}
