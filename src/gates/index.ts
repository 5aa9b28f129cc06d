export { createGates, type Gates, type GatesOptions } from './create-gates.js';
export { defaultPipeline } from './default-pipeline.js';
export { loadPipeline, type LoadPipelineOptions } from './pipeline-file.js';
export { PipelineError } from './mistakes.js';
export { GateNotAsked } from './not-asked.js';
export { DEFAULT_TIMEOUT_S, MAX_TIMEOUT_S } from './spec.js';
export type { Gate, GateInput, GateResult } from './types.js';
