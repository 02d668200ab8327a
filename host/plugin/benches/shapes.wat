;; Sums priority, walltime and min of all jobs, in two shapes. Reads records where the host put them, which no language's
;; bindings do: they copy each into an object first. So the records look better here than they ever are.
(component
  (core module $guest
    (memory (export "memory") 2)
    (global $next (mut i32) (i32.const 65536))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (local $at i32)
      (local.set $at (i32.and
        (i32.sub (i32.add (global.get $next) (local.get 2)) (i32.const 1))
        (i32.sub (i32.const 0) (local.get 2))))
      (global.set $next (i32.add (local.get $at) (local.get 3)))
      (block $enough
        (br_if $enough (i32.le_u (global.get $next) (i32.shl (memory.size) (i32.const 16))))
        (br_if $enough (i32.ne (i32.const -1) (memory.grow
          (i32.add (i32.const 1) (i32.shr_u (local.get 3) (i32.const 16))))))
        unreachable)
      (local.get $at))
    (func (export "records") (param $job i32) (param $count i32) (result f64) (local $sum f64)
      (global.set $next (i32.const 65536))
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $count)))
          (local.set $sum (f64.add (local.get $sum) (f64.add (f64.add
            (f64.convert_i32_u (i32.load offset=8 (local.get $job)))
            (f64.load offset=48 (local.get $job)))
            (f64.convert_i32_u (i32.load offset=16 (local.get $job))))))
          (local.set $job (i32.add (local.get $job) (i32.const 56)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $more)))
      (local.get $sum))
    (func (export "columns") (param $jobs i32) (result f64)
      (local $sum f64) (local $count i32) (local $priority i32) (local $walltime i32) (local $min i32)
      (global.set $next (i32.const 65536))
      (local.set $count (i32.load offset=4 (local.get $jobs)))
      (local.set $priority (i32.load offset=16 (local.get $jobs)))
      (local.set $walltime (i32.load offset=80 (local.get $jobs)))
      (local.set $min (i32.load offset=32 (local.get $jobs)))
      (block $done
        (loop $more
          (br_if $done (i32.eqz (local.get $count)))
          (local.set $sum (f64.add (local.get $sum) (f64.add (f64.add
            (f64.convert_i32_u (i32.load (local.get $priority)))
            (f64.load (local.get $walltime)))
            (f64.convert_i32_u (i32.load (local.get $min))))))
          (local.set $priority (i32.add (local.get $priority) (i32.const 4)))
          (local.set $walltime (i32.add (local.get $walltime) (i32.const 8)))
          (local.set $min (i32.add (local.get $min) (i32.const 4)))
          (local.set $count (i32.sub (local.get $count) (i32.const 1)))
          (br $more)))
      (local.get $sum)))
  (core instance $guest (instantiate $guest))
  (alias core export $guest "memory" (core memory $memory))
  (type $job-type (record
    (field "id" u32) (field "flags" u32) (field "priority" u32) (field "unit" u32)
    (field "min" u32) (field "max" u32) (field "demand" u32) (field "candidates" u32)
    (field "position" f64) (field "submitted" f64) (field "walltime" f64)))
  (export $job "job" (type $job-type))
  (type $jobs-type (record
    (field "id" (list u32)) (field "flags" (list u32)) (field "priority" (list u32))
    (field "unit" (list u32)) (field "min" (list u32)) (field "max" (list u32))
    (field "demand" (list u32)) (field "candidates" (list u32)) (field "position" (list f64))
    (field "submitted" (list f64)) (field "walltime" (list f64))))
  (export $jobs "jobs" (type $jobs-type))
  (func $records (param "jobs" (list $job)) (result f64)
    (canon lift (core func $guest "records")
      (memory $memory) (realloc (core func $guest "realloc"))))
  (func $columns (param "jobs" $jobs) (result f64)
    (canon lift (core func $guest "columns")
      (memory $memory) (realloc (core func $guest "realloc"))))
  (instance $shapes
    (export "records" (func $records))
    (export "columns" (func $columns)))
  (export "bench:shapes/shapes" (instance $shapes)))
