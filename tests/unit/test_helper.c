/* SPDX-License-Identifier: MIT */
#include "io/helper.h"

#include <pthread.h>
#include <semaphore.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/fail_mem.h"
#include "support/no_threads.h"
#include "support/threads.h"

/* A job that waits until it may run. */
struct task {
    struct mly_job job;
    sem_t may_run;
    pthread_t thread; /* where it ran */
    bool has_run;
};

struct rig {
    struct fail_mem mem;
    struct mly_helper *helper;
    struct mly_worker *worker;
    struct task first, second;
    struct mly_error err;
};

static void run(struct mly_job *job)
{
    struct task *task = (struct task *)job;
    while (sem_wait(&task->may_run) != 0) {}
    task->thread = pthread_self();
    task->has_run = true;
}

static void init_task(struct task *task, unsigned may_run)
{
    *task = (struct task){.job = {.run = run}};
    assert_int_equal(sem_init(&task->may_run, 0, may_run), 0);
}

static void set_up(struct rig *rig, unsigned first_may_run, unsigned second_may_run)
{
    *rig = (struct rig){.helper = NULL};
    fail_mem_init(&rig->mem);
    assert_status(mly_helper_new(&rig->mem.mem, &rig->helper, &rig->err), MLY_OK, &rig->err);
    rig->worker = mly_helper_worker(rig->helper);
    init_task(&rig->first, first_may_run);
    init_task(&rig->second, second_may_run);
}

static void tear_down(struct rig *rig)
{
    mly_helper_free(rig->helper);
    sem_destroy(&rig->first.may_run);
    sem_destroy(&rig->second.may_run);
    assert_nothing_leaks(&rig->mem);
}

static void a_job_is_done_on_another_thread_while_its_asker_goes_on(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0, 1);

    mly_worker_begin(rig.worker, &rig.first.job); /* comes back, though the job cannot run yet */
    sem_post(&rig.first.may_run);
    assert_true(mly_worker_end(rig.worker, &rig.first.job));
    assert_true(rig.first.has_run);
    assert_false(pthread_equal(rig.first.thread, pthread_self()));

    mly_worker_begin(rig.worker, &rig.second.job);
    assert_true(mly_worker_end(rig.worker, &rig.second.job));
    assert_true(pthread_equal(rig.first.thread, rig.second.thread));
    tear_down(&rig);
}

static void a_job_is_done_at_once_while_another_one_runs(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0, 1);
    mly_worker_begin(rig.worker, &rig.first.job);

    mly_worker_begin(rig.worker, &rig.second.job);

    assert_true(rig.second.has_run);
    assert_true(pthread_equal(rig.second.thread, pthread_self()));
    assert_true(mly_worker_end(rig.worker, &rig.second.job));
    sem_post(&rig.first.may_run);
    assert_true(mly_worker_end(rig.worker, &rig.first.job));
    assert_true(rig.first.has_run);
    tear_down(&rig);
}

static void without_a_worker_jobs_are_done_at_once(void **state)
{
    (void)state;
    struct task task;
    init_task(&task, 1);

    mly_worker_begin(NULL, &task.job);

    assert_true(task.has_run);
    assert_true(mly_worker_end(NULL, &task.job));
    sem_destroy(&task.may_run);
}

static void the_thread_begins_with_the_first_job_and_ends_at_rest(void **state)
{
    const size_t others = *(const size_t *)*state;
    struct rig rig;
    set_up(&rig, 1, 1);
    assert_threads(others);
    mly_worker_begin(rig.worker, &rig.first.job);
    assert_true(mly_worker_end(rig.worker, &rig.first.job));
    assert_threads(others + 1);

    mly_helper_rest(rig.helper);
    assert_threads(others);
    mly_helper_rest(rig.helper);

    mly_worker_begin(rig.worker, &rig.second.job);
    assert_true(mly_worker_end(rig.worker, &rig.second.job));
    assert_true(rig.second.has_run);
    assert_threads(others + 1);
    tear_down(&rig);
    assert_threads(others);
}

static void a_rest_waits_for_the_job_that_runs(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, 1);
    mly_worker_begin(rig.worker, &rig.first.job);

    mly_helper_rest(rig.helper);

    assert_true(rig.first.has_run);
    assert_true(mly_worker_end(rig.worker, &rig.first.job));
    tear_down(&rig);
}

static void a_job_for_which_there_is_no_thread_is_done_at_once(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 1, 1);
    no_threads(true);

    mly_worker_begin(rig.worker, &rig.first.job);

    no_threads(false);
    assert_true(rig.first.has_run);
    assert_true(pthread_equal(rig.first.thread, pthread_self()));
    assert_true(mly_worker_end(rig.worker, &rig.first.job));
    mly_worker_begin(rig.worker, &rig.second.job);
    assert_true(mly_worker_end(rig.worker, &rig.second.job));
    assert_false(pthread_equal(rig.second.thread, pthread_self()));
    tear_down(&rig);
}

/* ---- a child of the process ---- */

/* The number of what is wrong; 0: nothing is. */
static int use_in_child(struct rig *rig)
{
    if (mly_worker_end(rig->worker, &rig->first.job))
        return 1;
    mly_worker_begin(rig->worker, &rig->second.job);
    if (!rig->second.has_run || !mly_worker_end(rig->worker, &rig->second.job))
        return 2;
    if (mly_worker_end(rig->worker, &rig->first.job))
        return 3;
    init_task(&rig->first, 1); /* a new job where that one was */
    mly_worker_begin(rig->worker, &rig->first.job);
    if (!rig->first.has_run || !mly_worker_end(rig->worker, &rig->first.job))
        return 4;
    mly_helper_rest(rig->helper);
    mly_helper_free(rig->helper);
    return 0;
}

static void in_a_child_what_was_begun_never_ends_and_all_else_is_done_at_once(void **state)
{
    (void)state;
    struct rig rig;
    set_up(&rig, 0, 1);
    mly_worker_begin(rig.worker, &rig.first.job);

    const pid_t child = fork();
    if (child == 0) {
        (void)alarm(30); /* a child that hangs is killed */
        _exit(use_in_child(&rig));
    }
    int status = -1;
    assert_true(child > 0 && waitpid(child, &status, 0) == child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);

    sem_post(&rig.first.may_run); /* and the parent goes on */
    assert_true(mly_worker_end(rig.worker, &rig.first.job));
    assert_true(rig.first.has_run);
    tear_down(&rig);
}

static void without_memory_there_is_none(void **state)
{
    (void)state;
    struct fail_mem mem;
    struct mly_helper *helper = NULL;
    struct mly_error err = {.code = MLY_OK};
    fail_mem_init_failing(&mem, 0, 1);

    assert_int_equal(mly_helper_new(&mem.mem, &helper, &err), MLY_E_NOMEM);

    assert_null(helper);
    assert_nothing_leaks(&mem);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_job_is_done_on_another_thread_while_its_asker_goes_on),
        cmocka_unit_test(a_job_is_done_at_once_while_another_one_runs),
        cmocka_unit_test(without_a_worker_jobs_are_done_at_once),
        cmocka_unit_test(the_thread_begins_with_the_first_job_and_ends_at_rest),
        cmocka_unit_test(a_rest_waits_for_the_job_that_runs),
        cmocka_unit_test(a_job_for_which_there_is_no_thread_is_done_at_once),
        cmocka_unit_test(in_a_child_what_was_begun_never_ends_and_all_else_is_done_at_once),
        cmocka_unit_test(without_memory_there_is_none),
    };
    return cmocka_run_group_tests(tests, count_threads_before, NULL);
}
