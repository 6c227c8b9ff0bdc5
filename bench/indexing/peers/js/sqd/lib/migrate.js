// Makes the tables before the run, outside of what is measured.
const {DataSource} = require('typeorm')
const {createOrmConfig} = require('@subsquid/typeorm-config')

new DataSource({...createOrmConfig(), synchronize: true}).initialize().then((source) => source.destroy())
