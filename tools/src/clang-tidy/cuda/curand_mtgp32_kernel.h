// Empty. Clang reads this header of cuRAND in front of every CUDA file; arfuse has no cuRAND.
