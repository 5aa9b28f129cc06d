export { jobReaper } from './job-reaper.js';
export { watchJob } from './watch-job.js';
export { watchHost } from './watch-host.js';
