export { jobReaper } from './job-reaper.js';
export { watchJob } from './watch-job.js';
