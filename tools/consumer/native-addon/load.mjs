// What `loadNative()` gives or refuses: one line of JSON. `node load.mjs`
import { loadNative } from '@arfuse/native';

try {
  const { binding, from, failures } = loadNative();
  const codes = new Uint16Array(2);
  binding.arithmetic.encode('bf16', Float32Array.of(1, 1 / 3), codes);
  console.log(
    JSON.stringify({ from: from.id, codes: [...codes], failures: failures.map(({ id }) => id) }),
  );
} catch (error) {
  const { code, message, details } = error;
  console.log(JSON.stringify({ code, message, failures: details?.failures }));
}
