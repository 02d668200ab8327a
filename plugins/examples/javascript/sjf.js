// Shortest job first, as a ranker: a job's rank is how long it may run, so one that may run for ever goes last.

export const ranker = {
  configure(settings) {
    for (const [name] of settings) {
      // What is thrown here is the error of the result.
      throw `unknown setting \`${name}\`: this plugin has none`;
    }
    return [["ranks", "fixed"]];
  },

  rank(_now, jobs, _columns) {
    return jobs.map((job) => job.walltime);
  },
};
