ntkrnlmp_types = {
  '_LIST_ENTRY' : [ 0x10, {
    'Flink' : [ 0x0, ['pointer64', ['_LIST_ENTRY']]],
    'Blink' : [ 0x8, ['pointer64', ['_LIST_ENTRY']]],
} ],
  '_EPROCESS' : [ 0x40, {
    'ActiveProcessLinks' : [ 0x0, ['_LIST_ENTRY']],
    'ImageFileName' : [ 0x10, ['array', 16, ['unsigned char']]],
    'Flags' : [ 0x20, ['BitField', dict(start_bit = 0, end_bit = 1, native_type='unsigned long')]],
    'State' : [ 0x24, ['Enumeration', dict(target = 'long', choices = {0: 'A', 1: 'B'})]],
} ],
}
