//  Tasks: what clients do, each on a stack of its own, so that many can be under way at once and their code still
//  reads from top to bottom. A task runs until it waits for something; then the world goes on.

#include "sim_world.h"
#include <assert.h>
#include <ucontext.h>

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/common_interface_defs.h>
#endif

#define STACK_BYTES (512 * 1024)

struct sim_task {
    sim_t *sim;
    void (*run) (sim_t *sim, void *arg);
    void *arg;
    ucontext_t context, back;
    void *stack;
    const bool *flag;               //  Goes on when it is set
    bool ended;
    const void *back_stack;         //  Of whoever resumed it
    size_t back_bytes;
};

//  Not swapcontext: the address sanitizer has its own opinion of that. It wants to be told of other stacks, though.
static void
s_switch (ucontext_t *from, const ucontext_t *to, const void *stack, size_t bytes, bool for_ever)
{
    volatile bool again = false;
    void *volatile fake = NULL;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_start_switch_fiber (for_ever? NULL: (void **) &fake, stack, bytes);
#else
    (void) stack;
    (void) bytes;
    (void) for_ever;
    (void) fake;
#endif
    getcontext (from);                  //  Whoever comes back comes here
    if (!again) {
        again = true;
        setcontext (to);
    }
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber (fake, NULL, NULL);
#endif
}

static void
s_main (void)
{
    sim_task_t *task = sim_world->task;
#ifdef __SANITIZE_ADDRESS__
    __sanitizer_finish_switch_fiber (NULL, &task->back_stack, &task->back_bytes);
#endif
    task->run (task->sim, task->arg);
    task->ended = true;
    s_switch (&task->context, &task->back, task->back_stack, task->back_bytes, true);
}

void
sim_spawn (sim_t *self, void (*run) (sim_t *sim, void *arg), void *arg)
{
    static const bool now = true;
    sim_task_t *task = calloc (1, sizeof (*task));
    assert (task);
    task->sim = self;
    task->run = run;
    task->arg = arg;
    task->flag = &now;
    task->stack = malloc (STACK_BYTES);
    assert (task->stack);
    getcontext (&task->context);
    task->context.uc_stack.ss_sp = task->stack;
    task->context.uc_stack.ss_size = STACK_BYTES;
    makecontext (&task->context, s_main, 0);
    zlist_append (self->tasks, task);
}

static sim_task_t *
s_find_ready (sim_t *self)
{
    for (sim_task_t *task = zlist_first (self->tasks); task; task = zlist_next (self->tasks))
        if (*task->flag)
            return task;
    return NULL;
}

void
sim_resume (sim_t *self)
{
    assert (!self->running);
    sim_task_t *task;
    while ((task = s_find_ready (self))) {
        self->task = task;
        s_switch (&task->back, &task->context, task->stack, STACK_BYTES, false);
        self->task = NULL;
        if (task->ended) {
            zlist_remove (self->tasks, task);
            free (task->stack);
            free (task);
        }
    }
}

void
sim_wait (sim_t *self, const bool *flag)
{
    sim_task_t *task = self->task;
    if (!task) {
        while (!*flag)
            if (!sim_step (self, INT64_MAX))
                sim_fail (self, __FILE__, __LINE__, "nothing will ever happen");
        return;
    }
    if (*flag)
        return;
    task->flag = flag;
    s_switch (&task->context, &task->back, task->back_stack, task->back_bytes, false);
}

int
sim_tasks (const sim_t *self)
{
    return (int) zlist_size (self->tasks);
}

static void
s_awake (sim_t *sim, void *arg)
{
    (void) sim;
    *(bool *) arg = true;
}

void
sim_sleep (sim_t *self, int64_t ms)
{
    bool over = false;
    sim_at (self, self->now_ms + ms, s_awake, &over);
    sim_wait (self, &over);
}
