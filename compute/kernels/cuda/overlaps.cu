// The joint histogram of two tables of runs: one thread a run of the truth, which finds the runs that it meets by
// bisection. Integers only, so no order of the threads changes a result.

// A run of voxels along x, half-open; `label` counts the labels that occur from 0 on.
typedef struct {
    int row, start, stop, label;
} LabelRun;

// Rows of the truth, rows of the prediction, labels of the prediction.
KERNEL void overlap(const LabelRun *__restrict__ truth, const LabelRun *__restrict__ prediction,
                    const i64 *__restrict__ sizes, u64 *__restrict__ shared)
{
    i64 n = (i64)blockIdx.x * THREADS + threadIdx.x;
    if (n >= sizes[0])
        return;
    LabelRun run = truth[n];
    i64 low = 0, high = sizes[1];
    while (low < high) {  // the first run that ends behind the start of this one
        i64 middle = (low + high) / 2;
        LabelRun other = prediction[middle];
        if (other.row < run.row || (other.row == run.row && other.stop <= run.start))
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < sizes[1]; low++) {
        LabelRun other = prediction[low];
        if (other.row != run.row || other.start >= run.stop)
            return;
        int stop = other.stop < run.stop ? other.stop : run.stop;
        int start = other.start > run.start ? other.start : run.start;
        atomicAdd(shared + run.label * sizes[2] + other.label, (u64)(stop - start));
    }
}
