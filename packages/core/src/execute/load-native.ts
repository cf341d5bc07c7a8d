import { NativeError } from '@arfuse/contract';

type Native = typeof import('@arfuse/native');

/**
 * The package of the native addon, which planning does not need.
 * @throws NativeError when it is not installed
 */
export async function importNative(): Promise<Native> {
  try {
    return await import('@arfuse/native');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    throw new NativeError({
      message: 'the package @arfuse/native is not installed, and GPUs need it.',
      hint: 'Install it: pnpm add @arfuse/native.',
      cause,
    });
  }
}
