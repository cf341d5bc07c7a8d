export { createSymmMem, type SymmMemSettings, symmMem } from './backend.ts';
