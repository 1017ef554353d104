# bmx_flags: the compiler and linker flags of every target of ours.
add_library(bmx_flags INTERFACE)
target_compile_definitions(bmx_flags INTERFACE _POSIX_C_SOURCE=200809L
	_DEFAULT_SOURCE BMX_VERSION="${PROJECT_VERSION}")
target_include_directories(bmx_flags INTERFACE ${CMAKE_SOURCE_DIR}/include)

foreach(flag -Wall -Wextra -Wpedantic -Wshadow -Wconversion
		-Wstrict-prototypes -Wmissing-prototypes -Wswitch-enum
		-Wformat=2 -Wundef -Wvla -Wcast-qual -Wwrite-strings
		-Wnull-dereference)
	string(MAKE_C_IDENTIFIER "BMX_HAVE_${flag}" have)
	check_c_compiler_flag(${flag} ${have})
	if(${have})
		target_compile_options(bmx_flags INTERFACE ${flag})
	endif()
endforeach()
if(BMX_WERROR)
	target_compile_options(bmx_flags INTERFACE -Werror)
endif()

if(BMX_SANITIZE)
	target_compile_options(bmx_flags INTERFACE -fsanitize=${BMX_SANITIZE}
		-fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(bmx_flags INTERFACE -fsanitize=${BMX_SANITIZE})
else()
	target_compile_options(bmx_flags INTERFACE -fstack-protector-strong
		$<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE>
		$<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=2>)
	target_link_options(bmx_flags INTERFACE LINKER:-z,relro LINKER:-z,now)
endif()
target_link_options(bmx_flags INTERFACE
	$<$<STREQUAL:$<TARGET_PROPERTY:TYPE>,EXECUTABLE>:-pie>)
if(BMX_FUZZ)
	target_compile_options(bmx_flags INTERFACE -fsanitize=fuzzer-no-link)
	# Static floors hold hooks that only the fuzzing runtime defines.
	target_link_options(bmx_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# Asserts stay on in every preset but ndebug.
foreach(type RELEASE RELWITHDEBINFO MINSIZEREL)
	string(REPLACE "-DNDEBUG" "" CMAKE_C_FLAGS_${type} "${CMAKE_C_FLAGS_${type}}")
endforeach()

# bmx_floor(NAME LINK...): the static library of one floor: every .c beside the
# calling CMakeLists.txt, linked PRIVATE to what stands below it.
function(bmx_floor name)
	file(GLOB sources CONFIGURE_DEPENDS *.c)
	add_library(${name} STATIC ${sources})
	target_link_libraries(${name} PRIVATE bmx_flags ${ARGN})
endfunction()
