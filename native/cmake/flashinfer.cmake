# FlashInfer's fusion kernels, instantiated from its published headers for the architectures that they know.
if(NOT CMAKE_CUDA_COMPILER OR ARFUSE_FLASHINFER_INCLUDE STREQUAL "")
  message(STATUS "no FlashInfer headers: the addon has none of its kernels")
  return()
endif()
if(ARFUSE_FLASHINFER_VERSION STREQUAL "")
  message(FATAL_ERROR "ARFUSE_FLASHINFER_VERSION is empty: give the version of the headers in ${ARFUSE_FLASHINFER_INCLUDE}")
endif()
if(ARFUSE_FLASHINFER_VERSION VERSION_LESS 0.7.2)
  message(FATAL_ERROR "FlashInfer ${ARFUSE_FLASHINFER_VERSION} is too old: before 0.7.2 its kernels can read a stale residual, "
    "and its two-shot barrier can pass early")
endif()

# Without thread-block clusters (before 9.0) there is nothing to run them on.
set(ARFUSE_FUSION_ARCHS ${ARFUSE_CUDA_ARCHS})
list(FILTER ARFUSE_FUSION_ARCHS INCLUDE REGEX "^(9|10|12)[0-9][af]?(-|$)")
# Conversions to FP4 are in the feature sets of these families; elsewhere its kernels would write zeros.
set(ARFUSE_FP4_ARCHS ${ARFUSE_CUDA_ARCHS})
list(FILTER ARFUSE_FP4_ARCHS INCLUDE REGEX "^1[02][0-9][af](-|$)")
if(NOT ARFUSE_FUSION_ARCHS)
  message(STATUS "FlashInfer's kernels need one of the architectures 90a, 100f, 120a: the addon has none of them")
  return()
endif()

# Objects whose architectures are not the addon's.
function(arfuse_fusion_objects name archs)
  add_library(${name} OBJECT ${ARGN})
  set_target_properties(${name} PROPERTIES
    CUDA_STANDARD 17
    CUDA_STANDARD_REQUIRED ON
    CUDA_ARCHITECTURES "${archs}"
    CUDA_VISIBILITY_PRESET hidden
    POSITION_INDEPENDENT_CODE ON
  )
  target_include_directories(${name} SYSTEM PRIVATE ${ARFUSE_FLASHINFER_INCLUDE})
  target_compile_definitions(${name} PRIVATE NDEBUG)
  target_compile_options(${name} PRIVATE
    --expt-relaxed-constexpr -Xfatbin=-compress-all --compress-mode=size -Werror=all-warnings
    -Xcompiler=-Wall,-Wextra,-Werror)
  target_sources(arfuse PRIVATE $<TARGET_OBJECTS:${name}>)
endfunction()

arfuse_fusion_objects(arfuse_fusion "${ARFUSE_FUSION_ARCHS}"
  cpp/flashinfer/fusion_bf16.cu
  cpp/flashinfer/fusion_f16.cu
  cpp/flashinfer/fusion_f32.cu
  cpp/flashinfer/fusion_launch.cu
)
if(ARFUSE_FP4_ARCHS)
  arfuse_fusion_objects(arfuse_fusion_fp4 "${ARFUSE_FP4_ARCHS}" cpp/flashinfer/fusion_fp4.cu)
  set_source_files_properties(cpp/flashinfer/fusion.cpp PROPERTIES COMPILE_DEFINITIONS ARFUSE_FLASHINFER_FP4=1)
endif()
target_sources(arfuse PRIVATE
  cpp/binding/fusion_buffers.cpp
  cpp/binding/prepare_fusion.cpp
  cpp/flashinfer/fusion.cpp
)
set_source_files_properties(cpp/binding/addon.cpp PROPERTIES
  COMPILE_DEFINITIONS "ARFUSE_FLASHINFER=\"${ARFUSE_FLASHINFER_VERSION}\"")

if(ARFUSE_HARNESS)
  add_executable(fusion_speed harness/fusion_speed.cu)
  set_target_properties(fusion_speed PROPERTIES
    CUDA_STANDARD 17
    CUDA_STANDARD_REQUIRED ON
    CUDA_RUNTIME_LIBRARY Static
    CUDA_ARCHITECTURES "${ARFUSE_FUSION_ARCHS}"
    # Beside the addon, where `pnpm gpu:fusion` looks for it.
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_LIBRARY_OUTPUT_DIRECTORY}"
  )
  target_include_directories(fusion_speed SYSTEM PRIVATE ${ARFUSE_FLASHINFER_INCLUDE})
  target_compile_definitions(fusion_speed PRIVATE NDEBUG)
  target_compile_options(fusion_speed PRIVATE --expt-relaxed-constexpr -Werror=all-warnings -Xcompiler=-Wall,-Wextra,-Werror)
endif()
