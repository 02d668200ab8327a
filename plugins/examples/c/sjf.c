// Shortest job first, as a ranker: a job's rank is how long it may run, so one that may run for ever goes last.
//
// What a function is given is its own to free, and what it returns is freed for it after the call.

#include "bindings/job_ranker.h"

#include <stdlib.h>
#include <string.h>

static void *allocate(size_t count, size_t size) {
  if (count == 0) return NULL;
  void *memory = calloc(count, size);
  if (memory == NULL) abort();
  return memory;
}

// Refuses a setting: there are none.
static void unknown(const job_ranker_string_t *name, job_ranker_string_t *error) {
  static const char before[] = "unknown setting `", after[] = "`: this plugin has none";
  error->len = strlen(before) + name->len + strlen(after);
  error->ptr = allocate(error->len, 1);
  memcpy(error->ptr, before, strlen(before));
  memcpy(error->ptr + strlen(before), name->ptr, name->len);
  memcpy(error->ptr + strlen(before) + name->len, after, strlen(after));
}

bool exports_ranker_configure(job_ranker_list_tuple2_string_string_t *settings,
                              job_ranker_list_tuple2_string_string_t *traits, job_ranker_string_t *error) {
  const bool accepted = settings->len == 0;
  if (accepted) {
    traits->len = 1;
    traits->ptr = allocate(1, sizeof *traits->ptr);
    job_ranker_string_dup(&traits->ptr->f0, "ranks");
    job_ranker_string_dup(&traits->ptr->f1, "fixed");
  } else {
    unknown(&settings->ptr->f0, error);
  }
  job_ranker_list_tuple2_string_string_free(settings);
  return accepted;
}

void exports_ranker_rank(exports_ranker_instant_t now, exports_ranker_list_candidate_t *jobs,
                         exports_ranker_list_column_t *columns, job_ranker_list_f64_t *ranks) {
  (void)now;
  ranks->len = jobs->len;
  ranks->ptr = allocate(jobs->len, sizeof *ranks->ptr);
  for (size_t i = 0; i < jobs->len; i++) ranks->ptr[i] = jobs->ptr[i].walltime;
  exports_ranker_list_candidate_free(jobs);
  exports_ranker_list_column_free(columns);
}
