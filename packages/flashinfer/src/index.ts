export { createFlashInfer, type FlashInferSettings, flashinfer } from './backend.ts';
