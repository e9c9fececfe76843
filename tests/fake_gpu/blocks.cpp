// Blocks of threads: a kernel that uses threadIdx, __shared__ or barriers, executed as a GPU executes it.
//
// The threads of a block are fibers of one thread of the CPU. Each runs until it waits at a barrier or ends. Then the
// next one runs, in an order that is random between any two barriers, and the same in every launch: so a missing barrier
// shows. The memory __shared__ is full of NaN when a block begins. Blocks run one after
// the other, in rising or falling order of their numbers. So atomic operations need nothing special. This text is part
// of the text of every such kernel.


#undef _FORTIFY_SOURCE  // its longjmp refuses to change the stack
struct dim3 { unsigned int x, y, z; };

#ifdef _WIN32
extern "C" __declspec(dllimport) void *__stdcall CreateFiber(size_t, void(__stdcall *)(void *), void *);
extern "C" __declspec(dllimport) void *__stdcall ConvertThreadToFiber(void *);
extern "C" __declspec(dllimport) void __stdcall SwitchToFiber(void *);
extern "C" __declspec(dllimport) void __stdcall DeleteFiber(void *);
#else
#include <setjmp.h>
#include <ucontext.h>
#endif
extern "C" void *malloc(size_t) noexcept;
extern "C" void free(void *) noexcept;
extern "C" void *memset(void *, int, size_t) noexcept;

namespace fake {

typedef void (*Body)(void *);  // the kernel, for one thread

static dim3 thread_index, block_index, block_size, grid_size;
static void *dynamic_shared;

enum State { READY, AT_BLOCK_BARRIER, AT_WARP_BARRIER, DONE };
enum Problem { FINE, DIVERGED, NO_THREADS };
static const int MOST_THREADS = 1024, STACK = 64 * 1024;

struct Thread {
  State state;
  int site;  // the line of the barrier at which it waits
  dim3 index;
  unsigned long long exchange;
#ifdef _WIN32
  void *fiber;
#else
  bool begun;
  ucontext_t context;
  jmp_buf where;
#endif
};

static Thread threads[MOST_THREADS];
static int running, n_threads, order[MOST_THREADS];
static unsigned int random;
static Body body;
static void *body_arguments;

#ifdef _WIN32
static void *scheduler;
static __attribute__((noinline)) void leave() { SwitchToFiber(scheduler); }
static __attribute__((noinline)) void enter(Thread &t) { SwitchToFiber(t.fiber); }
static void __stdcall forever(void *) {
  for (;;) { body(body_arguments); threads[running].state = DONE; leave(); }
}
static bool prepare(Thread &t) {
  if (!scheduler) scheduler = ConvertThreadToFiber(0);
  if (!t.fiber) t.fiber = CreateFiber(STACK, forever, 0);
  return t.fiber;
}
static void abandon(Thread &t) { DeleteFiber(t.fiber); t.fiber = 0; }
#else
static jmp_buf scheduler;
static __attribute__((noinline)) void leave() { if (!_setjmp(threads[running].where)) _longjmp(scheduler, 1); }
static __attribute__((noinline)) void enter(Thread &t) {  // a fiber begins by setcontext; afterwards _longjmp is 20 times as fast
  if (_setjmp(scheduler)) return;
  if (t.begun) _longjmp(t.where, 1);
  t.begun = true;
  setcontext(&t.context);
}
static void forever() {
  for (;;) { body(body_arguments); threads[running].state = DONE; leave(); }
}
static bool prepare(Thread &t) {
  if (t.context.uc_stack.ss_sp) return true;
  getcontext(&t.context);
  if (!(t.context.uc_stack.ss_sp = malloc(STACK))) return false;
  t.context.uc_stack.ss_size = STACK;
  makecontext(&t.context, forever, 0);
  return true;
}
static void abandon(Thread &t) { makecontext(&t.context, forever, 0); t.begun = false; }
#endif

static void wait(State state, int site) {
  threads[running].state = state;
  threads[running].site = site;
  leave();
  thread_index = threads[running].index;
}

static void syncthreads(int site) { wait(AT_BLOCK_BARRIER, site); }
static void syncwarp(int site) { wait(AT_WARP_BARRIER, site); }

// The value that the thread `lane` of the same warp gives. All threads of the warp must take part.
static unsigned long long shuffle(unsigned long long value, int lane, int site) {
  threads[running].exchange = value;
  wait(AT_WARP_BARRIER, site);
  int from = running / 32 * 32 + lane;
  unsigned long long other = threads[lane < 0 || lane > 31 || from >= n_threads ? running : from].exchange;
  wait(AT_WARP_BARRIER, -site);
  return other;
}

// Let the threads [first, last) go on if all of them that have not ended wait at this kind of barrier.
static bool release(int first, int last, State kind, Problem &problem) {
  int site = 0, waiting = 0;
  for (int t = first; t < last; ++t) {
    if (threads[t].state == DONE) continue;
    if (threads[t].state != kind) return false;
    if (waiting++ && threads[t].site != site) problem = DIVERGED;
    site = threads[t].site;
  }
  for (int t = first; t < last; ++t) if (threads[t].state == kind) threads[t].state = READY;
  return waiting;
}

static Problem run_block() {
  for (int t = 0; t < n_threads; ++t) threads[t].state = READY;
  for (;;) {
    for (int k = n_threads; k > 1; --k) {  // Fisher and Yates's shuffle
      random = random * 1664525u + 1013904223u;
      int j = (random >> 8) % k, other = order[k - 1];
      order[k - 1] = order[j];
      order[j] = other;
    }
    for (int k = 0; k < n_threads; ++k) {
      running = order[k];
      if (threads[running].state != READY) continue;
      thread_index = threads[running].index;
      enter(threads[running]);
    }
    Problem problem = FINE;
    bool released = false, alive = false;
    for (int w = 0; w < n_threads; w += 32)
      released |= release(w, w + 32 < n_threads ? w + 32 : n_threads, AT_WARP_BARRIER, problem);
    if (!released) released = release(0, n_threads, AT_BLOCK_BARRIER, problem);
    if (problem) return problem;
    for (int t = 0; t < n_threads; ++t) alive |= threads[t].state != DONE;
    if (!alive) return FINE;
    if (!released) return DIVERGED;  // some wait for the block, others of their warp for the warp
  }
}

// Execute body(arguments) for all threads of all blocks. [shared, shared_end) is the memory __shared__.
static int launch(Body kernel, void *arguments, const dim3 *grid, const dim3 *block, char *shared,
                  char *shared_end, size_t dynamic, int falling) {
  body = kernel; body_arguments = arguments;
  grid_size = *grid; block_size = *block;
  n_threads = block->x * block->y * block->z;
  if (n_threads < 1 || n_threads > MOST_THREADS) return NO_THREADS;
  for (int t = 0; t < n_threads; ++t) {
    if (!prepare(threads[t])) return NO_THREADS;
    order[t] = t;
    threads[t].index = dim3{t % block->x, t / block->x % block->y, t / block->x / block->y};
  }
  random = 1;
  dynamic_shared = malloc(dynamic + 1);
  size_t n_blocks = (size_t)grid->x * grid->y * grid->z;
  Problem problem = FINE;
  for (size_t k = 0; k < n_blocks && !problem; ++k) {
    size_t b = falling ? n_blocks - 1 - k : k;
    block_index = dim3{(unsigned)(b % grid->x), (unsigned)(b / grid->x % grid->y), (unsigned)(b / grid->x / grid->y)};
    if (shared) memset(shared, 0xFF, shared_end - shared);
    memset(dynamic_shared, 0xFF, dynamic);
    problem = run_block();
  }
  for (int t = 0; t < n_threads; ++t) if (threads[t].state != DONE) abandon(threads[t]);
  free(dynamic_shared);
  return problem;
}

}  // namespace fake
